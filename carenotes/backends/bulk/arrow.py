"""Arrow arrays on the memory of NumPy's, nothing copied.

`pyarrow.array` is not used: it imports pandas, to see whether it was handed a Series, and that costs a fifth of a
second at every start.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def column(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """An array of fixed-width values; their bytes must be those of `kind`."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def strings(values: Sequence[str | None]) -> pa.Array:
    """An array of texts, some of them missing."""
    valid, texts = None, cast(Sequence[str], values)
    if None in values:
        valid = pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
        texts = [value or "" for value in values]
    whole = "".join(texts)
    lengths = map(len, texts) if whole.isascii() else (len(one.encode()) for one in texts)
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(np.fromiter(lengths, np.int32, len(texts)), out=offsets[1:])
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(whole.encode())]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def codes(length: int, *parts: tuple[str, npt.NDArray[np.int64], int]) -> pa.Array:
    """Texts of one width, made of (text, numbers, digits) after each other: `P`, 12, 4 digits: `P0012`."""
    letters = np.empty((length, sum(len(text) + digits for text, _, digits in parts)), np.uint8)
    place = 0
    for text, numbers, digits in parts:
        letters[:, place : place + len(text)] = np.frombuffer(text.encode(), np.uint8)
        place += len(text) + digits
        for power in range(digits):
            letters[:, place - 1 - power] = numbers // 10**power % 10 + ord("0")
    offsets = np.arange(length + 1, dtype=np.int32) * letters.shape[1]
    return pa.Array.from_buffers(pa.string(), length, [None, pa.py_buffer(offsets), pa.py_buffer(letters)])
