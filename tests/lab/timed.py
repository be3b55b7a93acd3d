"""Results of experiments that nobody ran: conditions that take as long as a test says."""

from collections.abc import Mapping, Sequence

from carenotes.lab.conditions import Condition, labels
from carenotes.lab.results.store import Results
from carenotes.lab.runner.workers import TIMED, Cell, Sample

ROUNDS = 12


def raced(
    found: Results, notebook: str, experiments: Mapping[str, Mapping[Condition, float | Sequence[float]]]
) -> None:
    """Add experiments: rounds of conditions that take so many milliseconds, all of them a little more in some rounds.

    A sequence has the milliseconds of each round itself.
    """
    for experiment, times in experiments.items():
        key, by_label = {"notebook": notebook, "experiment": experiment}, labels(times)
        found.add_conditions(key, by_label)
        for number in range(ROUNDS):
            samples = []
            for name, one in by_label.items():
                time = times[one]
                took = time * (1 + 0.01 * (number % 3)) if isinstance(time, float | int) else time[number]
                samples.append(Sample(Cell(experiment, name), number, TIMED, 0, 1, round(took * 1e6)))
            found.add_round(key, samples)
