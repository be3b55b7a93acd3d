"""The regression gate: is a revision slower than another by more than matters? Interleaved, and paired by round.

Each round starts three fresh workers: revision A, revision B, and A a second time. One at a time, in an order drawn
from the seed, they answer the same queries; A against itself gives the A/A noise.
Source of the method: Kalibera and Jones, Rigorous Benchmarking in Reasonable Time (2013).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from carenotes.errors import Refused
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.revisions.export import Revision, Worker, exported
from carenotes.lab.revisions.race import ENGINE, Race, Sampling, design_for
from carenotes.lab.runner.lock import alone_on_this_machine
from carenotes.lab.statistics import difference
from carenotes.lab.statistics.estimates import (
    FEWEST_ROUNDS,
    Estimate,
    family_level,
    fewest_rounds,
    median,
    paired_ratio,
)
from carenotes.seeding import SeedSpec

A, B, A_AGAIN = "A", "B", "A again"
SLOWER, FASTER, SAME, UNDECIDED, FAILED = "slower", "faster", "same", "undecided", "FAILED"
_WORDS = {
    difference.MORE: SLOWER,
    difference.LESS: FASTER,
    difference.ALIKE: SAME,
    difference.UNDECIDED: UNDECIDED,
}


@dataclass(frozen=True)
class Settings:
    """What is measured, and which ratio matters. Raises Refused for a value out of range."""

    notes: int = 100_000
    rounds: int = 12
    matters: float = 1.10
    random_seed: int = 1
    only: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.rounds < FEWEST_ROUNDS:
            raise Refused(f"{self.rounds} rounds: too few for an interval; allowed: {FEWEST_ROUNDS} or more")
        if not 1 < self.matters < float("inf"):
            raise Refused(f"what matters is {self.matters:g}; allowed: a ratio above 1, such as 1.10")
        _ = self.spec

    @property
    def spec(self) -> SeedSpec:
        """The notes that are asked about."""
        return SeedSpec(self.notes, random_seed=self.random_seed)


@dataclass(frozen=True)
class Finding:
    """What was found of a subject: seconds an answer by side and round, and what follows; or why it failed."""

    subject: str
    sampling: Sampling
    seconds: Mapping[str, Sequence[float]]
    ratio: Estimate  # the time of B over that of A, as one of a family, widened by the noise
    noise: float  # the ratio, at least 1, of A's two names
    word: str

    def each(self, side: str) -> Estimate:
        """Seconds an answer."""
        return median(self.seconds[side])


@dataclass(frozen=True)
class Comparison:
    """Two revisions compared: what was found of each subject, and why others failed."""

    a: Revision
    b: Revision
    settings: Settings
    findings: tuple[Finding, ...]
    failed: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether nothing is slower, and every answer right."""
        return not self.failed and not self.worded(SLOWER)

    @property
    def noisy(self) -> bool:
        """Whether A differs from itself by more than matters in most subjects."""
        return 2 * sum(one.noise > self.settings.matters for one in self.findings) > len(self.findings)

    def worded(self, word: str) -> list[str]:
        """The subjects that a word is said of."""
        return list(self.failed) if word == FAILED else [one.subject for one in self.findings if one.word == word]


def compare(name_a: str, name_b: str, settings: Settings, progress: Callable[[int], object]) -> Comparison:
    """Measure revision B against A; `progress` is told of each round, and nothing is left behind.

    Raises Refused before anything is measured, Failed for a revision that cannot be imported or whose worker dies.
    """
    with (
        alone_on_this_machine(),
        TemporaryDirectory(prefix="carenotes-gate-", ignore_cleanup_errors=True) as place,
    ):
        a, b = exported([name_a, name_b], Path(place))
        with closing(SeededNotes(settings.spec, Path(place))) as notes:
            with _alive({A: a, B: b}) as (workers, offered):
                subjects = _chosen(list(offered.values()), settings)
                race = Race(notes, subjects, settings.random_seed)
                race.calibrate(workers)
            for number in range(settings.rounds):
                if race.over:
                    break
                with _alive({A: a, B: b, A_AGAIN: a}) as (workers, _):
                    race.round(number, workers)
                progress(1)
        findings = _findings(race, family_level(len(subjects)), settings.matters)
        return Comparison(a, b, settings, findings, race.failed)


@contextmanager
def _alive(revisions: Mapping[str, Revision]) -> Iterator[tuple[dict[str, Worker], dict[str, list[str]]]]:
    """A fresh worker a side, and what each can be timed at; all have started when the block begins."""
    with ExitStack() as stack:
        workers = {side: stack.enter_context(Worker(revision)) for side, revision in revisions.items()}
        yield workers, {side: worker.subjects() for side, worker in workers.items()}


def _chosen(offered: Sequence[Sequence[str]], settings: Settings) -> list[str]:
    """The subjects that both revisions have, or those of `only`. Refused for others, or for too few rounds."""
    here = [subject for subject in offered[0] if design_for(subject).possible_on(ENGINE)]
    common = [subject for subject in here if all(subject in one for one in offered)]
    for unknown in (one for one in settings.only or () if one not in common):
        raise Refused(
            f"{unknown or repr(unknown)}: no such subject of both revisions on {ENGINE}; allowed: {', '.join(common)}"
        )
    chosen = common if settings.only is None else [one for one in common if one in settings.only]
    needed = fewest_rounds(len(chosen))
    if settings.rounds < needed:
        raise Refused(
            f"{settings.rounds} rounds: too few for the intervals of {len(chosen)} subjects together; "
            f"allowed: {needed} or more, or fewer subjects with --only"
        )
    return chosen


def _findings(race: Race, level: float, matters: float) -> tuple[Finding, ...]:
    found = []
    for subject, sampling in race.samplings.items():
        if subject not in race.failed:
            seconds = race.seconds[subject]
            noise = difference.away(paired_ratio(seconds[A_AGAIN], seconds[A]).value)
            ratio = difference.widened(paired_ratio(seconds[B], seconds[A], level), noise)
            found.append(Finding(subject, sampling, seconds, ratio, noise, _WORDS[difference.word(ratio, matters)]))
    return tuple(found)
