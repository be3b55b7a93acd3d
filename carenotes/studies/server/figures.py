"""Figures of notebook 07."""

from carenotes.designs import title
from carenotes.lab.runner.measured import Measured
from carenotes.report.axes import dot, said_of, seconds_axis
from carenotes.report.drawing import STYLE, Figure, finish, panels, style_of, styled
from carenotes.report.finding import Finding
from carenotes.studies.server.experiment import COMPARED, SHUFFLED
from carenotes.studies.server.place import DESIGNS
from carenotes.studies.server.tables import NOT_HERE


@styled
def designs(measured: Measured) -> Figure | Finding:
    """Seconds a query under each design, a colour an aggregator."""
    if not measured.conditions:
        return NOT_HERE
    rows: list[tuple[str, str, dict[str, str]]] = [
        *((one, title(one), {}) for one in DESIGNS),
        ("brin", "the same, notes shuffled", {"order": SHUFFLED}),
    ]
    canvas, [axes] = panels(1, 0.66 * len(rows) + 0.9)
    each, drawn = measured.medians, []
    for shift, name in zip((-0.16, 0.16), COMPARED, strict=True):
        labels = [measured.of(aggregator=name, design=design, **order) for design, _, order in rows]
        drawn += labels
        for place, label in enumerate(labels):
            if label in each:
                dot(axes, each[label], place + shift, *style_of(measured.conditions[label]), below=shift > 0)
        if labels[0] in each:
            first, colour = each[labels[0]], STYLE[name][0]
            at = (max([first.value, *(first.interval or ())]), shift)
            axes.annotate(name, at, xytext=(8, 0), textcoords="offset points", va="center", color=colour)
    axes.set_yticks(range(len(rows)), [words for _, words, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.75)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.14)
    seconds_axis(axes, "median time a query (log)")
    said = said_of(measured, drawn)
    return finish(canvas, "server-designs", "One query under each design on PostgreSQL.", f"Time by design. {said}.")
