"""How every figure is drawn: sizes, fonts, colours and markers, and the way from a canvas to inline SVG.

A figure takes its ink from the page, so it is right in light and in dark; its colours are Okabe and Ito's (2008),
safe for the colour-blind, and the same thing has the same colour and marker everywhere.
"""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from html import escape
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from carenotes.lab.conditions import Condition

INK, FAINT = "#1b1b1c", "#8a8a8d"
STYLE: dict[str, tuple[str, str]] = {  # colour and marker, by the value of a field of a condition
    "duckdb": ("#009e73", "^"),
    "QueryCache": ("#cc79a7", "P"),
    "the original's": ("#e69f00", "D"),
    "sync driver in the loop": ("#d55e00", "s"),
    "sync driver in threads": ("#e69f00", "D"),
    "async driver": ("#0072b2", "o"),
    "sync driver in processes": ("#cc79a7", "P"),
    "rollback journal": ("#d55e00", "s"),
    "write-ahead log": ("#0072b2", "o"),
    "naive": ("#d55e00", "s"),
    "single_pass": ("#e69f00", "D"),
    "pushdown": ("#0072b2", "o"),
    "rollup": ("#cc79a7", "v"),
    "pyramid": ("#009e73", "*"),
    "DuckDB, table": ("#009e73", "^"),
    "Polars, frame": ("#0072b2", "D"),
    "pandas, frame": ("#d55e00", "s"),
    "DuckDB, leaves": ("#cc79a7", "<"),
    "chDB, states": ("#d55e00", "P"),
    "Polars, slices": ("#0072b2", "d"),
    "NumPy, columns": ("#e69f00", "o"),
    "SELECT 1": (INK, "o"),
    "add_all": ("#d55e00", "s"),
    "executemany": ("#e69f00", "D"),
    "arrow": ("#0072b2", "o"),
    "original_first": ("#d55e00", "s"),
    "original_optimized": ("#e69f00", "D"),
}
OTHER = ("#009e73", "^")
_DARK = {"#d55e00": "#f0803c", "#e69f00": "#f0b429", "#0072b2": "#56b4e9", "#009e73": "#2fc79a", "#cc79a7": "#e39ac3"}
_SETTINGS: dict[Any, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "carenotes",
    "figure.constrained_layout.use": True,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
P = ParamSpec("P")
R = TypeVar("R")
_WIDTH = 7.6  # inches; one inch is 72 units of the drawing


@dataclass(frozen=True)
class Figure:
    """A drawing with its words: `alt` says what is to be seen to whoever does not see it."""

    name: str
    svg: str
    caption: str
    alt: str

    def _repr_html_(self) -> str:
        return f"<figure>{self.svg}<figcaption>{escape(self.caption)}</figcaption></figure>"

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]"

    def standalone(self) -> str:
        """The drawing as a file of its own, light or dark as its reader prefers."""
        dark = "".join(f"--{_variable(light)}:{colour};" for light, colour in _DARK.items())
        style = f"<style>svg{{color:{INK}}}@media(prefers-color-scheme:dark){{svg{{color:#dcdce0;{dark}}}}}</style>"
        return self.svg.replace(">", ' xmlns="http://www.w3.org/2000/svg">' + style, 1)


def _variable(colour: str) -> str:
    return f"c{colour[1:]}"


def finish(canvas: Canvas, name: str, caption: str, alt: str) -> Figure:
    """SVG text of the drawing: no date, no header, ids of its own, ink from the page, colours as variables."""
    out = io.StringIO()
    FigureCanvasSVG(canvas).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    width, height = (float(one) for one in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    box = f'viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}pt"'
    head = f'<svg class="drawing" role="img" aria-label="{escape(alt)}" {box}>'
    text = head + text[text.index(">") + 1 :]
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: ([\d.]+)px[^;\"]*", r"font: \1px var(--figure-font, system-ui, sans-serif)", text)
    text = text.replace(INK, "currentColor").replace("xlink:href", "href")
    for colour in _DARK:
        text = text.replace(colour, f"var(--{_variable(colour)},{colour})")
    return Figure(name, re.sub(r"\s*\n\s*", "\n", text).strip(), caption, alt)


def panels(columns: int, height: float, **shared: Any) -> tuple[Canvas, Sequence[Axes]]:
    """Make a canvas of the common width, `height` inches high, with panels side by side."""
    canvas = Canvas(figsize=(_WIDTH, height))
    return canvas, canvas.subplots(1, columns, squeeze=False, **shared)[0]


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw with our settings, and leave everybody else's alone."""

    @wraps(draw)
    def drawn(*arguments: P.args, **named: P.kwargs) -> R:
        with mpl.rc_context(_SETTINGS):
            return draw(*arguments, **named)

    return drawn


def style_of(one: Condition) -> tuple[str, str]:
    """The colour and marker of a condition: of the first of its fields that has any, the engine first."""
    values = [one.engine, *(value for _, value in one.particular), one.aggregator]
    return next((STYLE[value] for value in values if value in STYLE), OTHER)
