"""A figure, its reading and its table, shown by one cell."""

from typing import Any


class Together:
    """What is shown one under the other."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def _repr_html_(self) -> str:
        return "\n".join(part._repr_html_() for part in self._parts)

    def __repr__(self) -> str:
        return "\n\n".join(repr(part) for part in self._parts)
