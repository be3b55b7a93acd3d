"""The page: executed notebooks as sections of one HTML file that loads nothing from outside and needs no script."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert import HTMLExporter
from traitlets.config import Config

from carenotes import __version__
from carenotes.lab.results.store import Results
from carenotes.report.finding import NOT_MEASURED
from carenotes.report.runs.profiles import REPORT

_TEMPLATES = Path(str(files("carenotes.report").joinpath("templates")))
ONLY_IN_NOTEBOOK = "only-in-notebook"  # tag of a cell whose output the page has elsewhere
TITLE = "What makes a dashboard question fast"
CLOSING = "What this run says of the original report"  # heads the first notebook where it has no answer


@dataclass(frozen=True)
class Section:
    """One notebook on the page."""

    name: str
    body: str
    headings: list[tuple[int, str, str]]  # level, anchor, text
    failure: str | None


def sections(folder: Path, notebooks: Sequence[str], facts: Mapping[str, str]) -> list[Section]:
    """The executed notebooks of a run folder; `facts` are those of the environment."""
    exporter = _exporter()
    return [
        _section(folder / "executed" / f"{name}.ipynb", exporter, again(name, facts["profile"], facts["notes"]))
        for name in notebooks
    ]


def write(folder: Path, parts: Iterable[Section], results: Results) -> Path:
    """Write `index.html` of sections.

    The first one opens the page, unless what it would say there was not measured: then it comes last.
    """
    facts = results.environment()
    ordered = sorted(parts, key=lambda one: one.headings[:1] == [(2, _anchor(one.name, CLOSING), CLOSING)])
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    text = environment.get_template("page.html.j2").render(
        title=TITLE,
        sections=ordered,
        facts=facts,
        took=results.took(),
        digests=results.digests(),
        version=__version__,
        style=(_TEMPLATES / "page.css").read_text(),
    )
    page = folder / "index.html"
    page.write_text(text, encoding="utf-8")
    return page


def failure(notebook: nbformat.NotebookNode) -> str | None:
    """What stopped a notebook, in one line, or None if it went through."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                said = output.evalue.strip().splitlines()
                return f"{output.ename}: {said[0] if said else ''}"
    return None


def _exporter() -> HTMLExporter:
    config = Config()
    config.HTMLExporter.extra_template_basedirs = [str(_TEMPLATES)]
    config.HTMLExporter.template_name = "section"
    return HTMLExporter(config=config, exclude_anchor_links=True)


def again(notebook: str, profile: str, notes: str) -> list[tuple[str, str]]:
    """The commands that make what a notebook shows again: from the samples of the run, and measured anew."""
    from_samples = "from the samples, DIR being the folder of this page"
    if notebook == REPORT:
        return [(from_samples, "carenotes report --from-results DIR")]
    number, own = notebook[:2], "" if notes == "seeded" else " --database URL"
    return [
        (from_samples, f"carenotes report --from-results DIR --only {number}"),
        ("measured anew", f"carenotes report --profile {profile} --only {number}{own}"),
    ]


def _section(file: Path, exporter: HTMLExporter, commands: list[tuple[str, str]]) -> Section:
    notebook = nbformat.read(file, as_version=4)
    failed = failure(notebook)
    notebook.cells = _folded(notebook.cells, stop=failed is not None)
    if file.stem == REPORT:
        notebook.cells = _measured(notebook.cells)
    body, _ = exporter.from_notebook_node(notebook, resources={"again": commands})
    body, headings = _headings(body, file.stem)
    return Section(file.stem, body, headings, failed)


def _folded(cells: list[Any], stop: bool) -> list[Any]:
    """Join the code between two pieces of prose: what it shows first, then all of it behind one fold.

    Of a failed notebook, what comes after the failure is left out.
    """
    kept: list[Any] = []
    for cell in cells:
        if ONLY_IN_NOTEBOOK in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "code" and kept and kept[-1].cell_type == "code":
            kept[-1].source += "\n\n" + cell.source
            kept[-1].outputs += cell.outputs
        else:
            kept.append(cell)
        if stop and any(output.output_type == "error" for output in cell.get("outputs", [])):
            break
    return kept


def _measured(cells: list[Any]) -> list[Any]:
    """Leave out prose whose code shows nothing but that it was not measured; where the answer was not, say so once."""
    kept: list[Any] = []
    for cell in cells:
        shown = cell.get("outputs", [])
        if shown and all(one.get("data", {}).get("text/plain") == NOT_MEASURED.text for one in shown):
            if len(kept) > 1:
                kept.pop()
                continue
            kept[0].source, cell.outputs = f"# {CLOSING}", shown[:1]
        kept.append(cell)
    return kept


def _anchor(name: str, text: str) -> str:
    return f"{name[:2]}-{re.sub(r'[^a-z0-9]+', '-', text.lower()).strip('-')}"


def _headings(body: str, name: str) -> tuple[str, list[tuple[int, str, str]]]:
    """One level down, since the page has a title of its own; anchors that no other section has."""
    found: list[tuple[int, str, str]] = []

    def lower(match: re.Match[str]) -> str:
        level, inner = int(match[1]) + 1, match[2]
        text = unescape(re.sub(r"<[^>]+>", "", inner)).strip()
        anchor = _anchor(name, text)
        found.append((level, anchor, text))
        return f'<h{level} id="{escape(anchor)}">{inner}</h{level}>'

    return re.sub(r"<h([1-5])[^>]*>(.*?)</h\1>", lower, body, flags=re.S), found
