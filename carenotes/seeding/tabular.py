"""Somebody's own file as parts of raw rows: every value is the text that stands there, or None.

A file is read more than once, always from its beginning; rows are counted from 0, blank lines of CSV are no rows.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from typing_extensions import override

from carenotes.errors import Refused

PART = 1_000  # rows, at most: their texts stay in the processor's cache; fifty times as many take twice the time each
_LINE = 1 << 24  # characters; a longer line is cut in pieces, which then have the wrong number of fields

Values = Sequence[str | None]
Row = list[str] | None  # None where the line is no CSV


@dataclass(frozen=True)
class Reject:
    """A row that is not taken: the line it starts at (Parquet: its number from 1), why, and what stood there."""

    line: int
    reason: str
    fields: Values


@dataclass(frozen=True)
class Part:
    """Rows that follow each other: those that could be read as columns, and those that could not."""

    lines: Sequence[int]
    values: Sequence[Values]  # column by column
    places: Mapping[str, int]  # which of them is which of ours
    broken: Sequence[Reject]

    def column(self, name: str) -> Values:
        """The values of one of our columns."""
        return self.values[self.places[name]]

    def reject(self, place: int, reason: str) -> Reject:
        """The row at a place, turned down."""
        return Reject(self.lines[place], reason, [column[place] for column in self.values])

    @property
    def read(self) -> int:
        """How many rows of the file these are."""
        return len(self.lines) + len(self.broken)


class Tabular(Protocol):
    """A file with named columns. Everything raises Refused when the file cannot be read."""

    file: Path
    names: list[str]

    def check(self, wanted: Mapping[str, str]) -> None:
        """Refuse a column (ours: theirs) whose type can hold nothing of the kind."""

    def parts(
        self, wanted: Mapping[str, str], start: int = 0, stop: int | None = None, most: int = PART
    ) -> Iterator[Part]:
        """Rows `start` to `stop` (excluded), at most `most` at a time."""


def open_tabular(file: Path) -> Tabular:
    """The file by its suffix; its header is read, nothing else."""
    kinds: dict[str, Callable[[Path], Tabular]] = {".csv": CsvFile, ".csv.gz": CsvFile, ".parquet": ParquetFile}
    kind = next((made for suffix, made in kinds.items() if file.name.lower().endswith(suffix)), None)
    if not file.exists():
        raise Refused(f"{file}: no such file")
    if not file.is_file():
        raise Refused(f"{file}: is a folder or a device; allowed: a file, {', '.join(kinds)}")
    if kind is None:
        raise Refused(f"{file}: of an unknown kind; allowed: {', '.join(kinds)}")
    if file.stat().st_size == 0:
        raise Refused(f"{file}: is empty; allowed: a header and rows")
    opened = kind(file)
    doubled = [name for place, name in enumerate(opened.names) if name and name in opened.names[:place]]
    if doubled:
        raise Refused(f"{file}: two columns are named {doubled[0]}; allowed: each name once")
    return opened


class CsvFile(Tabular):
    """Comma-separated text in UTF-8 under a header, with or without a byte-order mark, compressed or not."""

    def __init__(self, file: Path) -> None:
        self.file = file
        header: Row = []
        with _reading(file), self._text() as text:
            for _, rows in _records(text, 0, 1, 1):
                [header] = rows
        if header is None or _unreadable([header]):
            raise Refused(f"{file}: its header is no line of CSV in UTF-8; allowed: UTF-8, commas, double quotes")
        if not header:
            raise Refused(f"{file}: is empty; allowed: a header and rows")
        self.names = header

    @override
    def check(self, wanted: Mapping[str, str]) -> None:
        """Everything in CSV is text."""

    @override
    def parts(
        self, wanted: Mapping[str, str], start: int = 0, stop: int | None = None, most: int = PART
    ) -> Iterator[Part]:
        places = {ours: self.names.index(theirs) for ours, theirs in wanted.items()}
        with _reading(self.file), self._text() as text:
            for lines, rows in _records(text, 1 + start, None if stop is None else 1 + stop, most):
                yield self._part(lines, rows, places)

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        """The text; bytes that are not UTF-8 become lone surrogates, for which no text has a use."""
        with self.file.open("rb") as raw:
            packed: Any = gzip.GzipFile(fileobj=raw) if self.file.name.lower().endswith(".gz") else raw
            buffer = io.BufferedReader(packed, 1 << 18)
            with io.TextIOWrapper(buffer, "utf-8-sig", errors="surrogateescape", newline="") as text:
                yield text

    def _part(self, lines: Sequence[int], rows: Sequence[Row], places: Mapping[str, int]) -> Part:
        width = len(self.names)
        fitting, broken = [row for row in rows if row is not None and len(row) == width], []
        if len(fitting) < len(rows):
            numbered = list(zip(lines, rows, strict=True))
            broken = [self._broken(line, row) for line, row in numbered if row is None or len(row) != width]
            lines = [line for line, row in numbered if row is not None and len(row) == width]
        flat = list(chain.from_iterable(fitting))
        part = Part(lines, [flat[place::width] for place in range(width)], places, broken)
        return part if _is_text("".join(flat)) else _without_unreadable(part)

    def _broken(self, line: int, row: Row) -> Reject:
        if row is None:
            return Reject(line, "not CSV: is a double quote left open, or a field too long?", [])
        return Reject(line, f"the row must have {len(self.names)} fields, as the header has", row)


def _records(
    text: io.TextIOWrapper, start: int, stop: int | None, most: int
) -> Iterator[tuple[Sequence[int], Sequence[Row]]]:
    """Records `start` to `stop` of CSV, some at a time, and the lines they start at."""
    # Strict, else a quote left open would swallow the rows after it, and they would pass for a text of this row.
    reader = csv.reader(iter(partial(text.readline, _LINE), ""), strict=True)
    count = 0
    while stop is None or count < stop:
        end = start if count < start else stop
        line = reader.line_num
        lines, rows = _next_records(reader, most if end is None else min(most, end - count))
        if reader.line_num == line:
            return
        if rows and count >= start:
            yield lines, rows
        count += len(rows)


def _next_records(reader: Any, most: int) -> tuple[Sequence[int], Sequence[Row]]:
    """The next lines as records; one that is not well-formed ends them, and the reader goes on with the next line."""
    line = reader.line_num + 1
    rows: list[Row] = []
    with suppress(csv.Error):
        rows.extend(islice(reader, most))  # those before an error stay
        if reader.line_num == line - 1 + len(rows) and all(rows):
            return range(line, reader.line_num + 1), rows
        return _numbered(line, rows)
    return _numbered(line, [*rows, None])


def _numbered(line: int, rows: Sequence[Row]) -> tuple[Sequence[int], Sequence[Row]]:
    """Without the blank lines; texts may go over several."""
    lines: list[int] = []
    for row in rows:
        lines.append(line)
        within = "|".join(row or "")
        line += 1 + within.count("\n") + within.count("\r") - within.count("\r\n")
    kept = [place for place, row in enumerate(rows) if row != []]
    return [lines[place] for place in kept], [rows[place] for place in kept]


_TEXT = {"text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()}
_WHOLE = {"whole numbers": pa.types.is_integer}
_TIME = {"timestamp": pa.types.is_timestamp, "date": pa.types.is_date}
_TYPES: Mapping[str, Mapping[str, Callable[[pa.DataType], bool]]] = {
    "tenant_id": _WHOLE | _TEXT,
    "facility_id": _WHOLE | _TEXT,
    "patient_id": _TEXT | _WHOLE,
    "category": _TEXT,
    "priority": _WHOLE | _TEXT,
    "created_at": _TIME | _TEXT,
    "created_by": _TEXT | _WHOLE,
    "note_text": _TEXT,
}


class ParquetFile(Tabular):
    """Apache Parquet; numbers and times become the text that CSV would have, times with a zone those of UTC."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with _reading(file), self._opened() as opened:
            self._schema = opened.schema_arrow
        self.names = self._schema.names

    @override
    def check(self, wanted: Mapping[str, str]) -> None:
        for ours, theirs in wanted.items():
            kind = self._schema.field(theirs).type
            plain = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not any(fits(plain) for fits in _TYPES[ours].values()):
                allowed = ", ".join(_TYPES[ours])
                raise Refused(f"{self.file}: column {theirs} is of type {kind}; allowed for {ours}: {allowed}")

    @override
    def parts(
        self, wanted: Mapping[str, str], start: int = 0, stop: int | None = None, most: int = PART
    ) -> Iterator[Part]:
        names = list(wanted.values())
        places = {ours: place for place, ours in enumerate(wanted)}
        with _reading(self.file), self._opened() as opened:
            first = 0
            for batch in opened.iter_batches(columns=names, batch_size=most, use_threads=False):
                end = first + len(batch)
                taken = range(max(first, start), end if stop is None else min(end, stop))
                if taken:
                    values = [_texts(batch.column(name).slice(taken[0] - first, len(taken))) for name in names]
                    yield _without_unreadable(Part([number + 1 for number in taken], values, places, []))
                first = end

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        from pyarrow.parquet import ParquetFile as Opened

        # Pages are read as they are needed: a row group may be the whole file.
        with Opened(self.file, pre_buffer=False, buffer_size=1 << 20) as opened:
            yield opened


def _texts(values: pa.Array) -> Values:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp(values.type.unit))
    text = values.cast(pa.string())
    try:
        plain: Values = text.to_pylist()
    except UnicodeDecodeError:
        raw = text.view(pa.binary()).to_pylist()
        plain = [None if one is None else one.decode(errors="surrogateescape") for one in raw]
    return plain


def _without_unreadable(part: Part) -> Part:
    odd = _unreadable(part.values)
    if not odd:
        return part
    good = [place for place in range(len(part.lines)) if place not in odd]
    kept = [[column[place] for place in good] for column in part.values]
    broken = [*part.broken, *(part.reject(place, reason) for place, reason in odd.items())]
    return Part([part.lines[place] for place in good], kept, part.places, broken)


def _unreadable(values: Sequence[Values]) -> dict[int, str]:
    """The places of values that no database takes for text, and why."""
    odd: dict[int, str] = {}
    for column in values:
        if not _is_text("".join(filter(None, column))):
            odd |= {
                place: "a NUL byte; allowed: text" if "\0" in one else "not UTF-8; allowed: text in UTF-8"
                for place, one in enumerate(column)
                if one and not _is_text(one)
            }
    return odd


def _is_text(text: str) -> bool:
    try:
        return (text.isascii() or bool(text.encode())) and "\0" not in text
    except UnicodeEncodeError:
        return False


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Tell in one line what is wrong with a file that cannot be read."""
    try:
        yield
    except EOFError:
        raise Refused(f"{file}: is cut off; allowed: a whole file") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise Refused(f"{file}: is no gzip file, or a damaged one ({error})") from error
    except (pa.ArrowException, OSError) as error:
        said = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise Refused(f"{file}: cannot be read ({said})") from error
