"""The laboratory times nothing that is wrong, in turns that no condition is favoured by, and keeps what it measured."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from carenotes import CareStats, Refused, StatsQuery
from carenotes.aggregators import naive, pushdown
from carenotes.lab.datasets import OwnNotes, SeededNotes, facts
from carenotes.lab.ladder import Condition, compare, distinct_questions, floor
from carenotes.lab.results import Results
from carenotes.lab.study import WARM_UPS, Contender, Study
from carenotes.seeding import SeedSpec, batches, digest

SPEC = SeedSpec(2_000, tenants=3, facilities=3, patients=5, days=10)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> SeededNotes:
    return SeededNotes(SPEC, tmp_path_factory.mktemp("notes"))


def wrong_always(connection: Connection, question: StatsQuery) -> CareStats:
    answer = pushdown(connection, question)
    return CareStats(answer.total_notes + 1, answer.unique_patients, answer.by_category, answer.by_priority, {})


def broken(_connection: Connection, _question: StatsQuery) -> CareStats:
    raise RuntimeError("out of order")


def wrong_after(calls: int) -> Callable[[Connection, StatsQuery], CareStats]:
    left = calls

    def answer(connection: Connection, question: StatsQuery) -> CareStats:
        nonlocal left
        left -= 1
        return (pushdown if left >= 0 else wrong_always)(connection, question)

    return answer


def race(study: Study, notes: SeededNotes, rounds: int = 3, **rungs: Callable[[Connection, StatsQuery], CareStats]):  # type: ignore[no-untyped-def]
    conditions = [Condition(name, ask, notes, "covering") for name, ask in rungs.items()]
    stream = distinct_questions(notes, 1, 1)
    all_conditions = [*conditions, floor(notes, "covering")]
    return compare(study, "race", all_conditions, stream, rounds=rounds, questions_a_sample=3)


def test_each_round_runs_every_condition_once_in_an_order_that_changes(notes: SeededNotes) -> None:
    samples = race(Study("t"), notes, rounds=12, naive=naive, pushdown=pushdown).samples
    by_round = samples.groupby("round")
    assert sorted(by_round.groups) == list(range(-WARM_UPS, 12))
    assert all(sorted(one["condition"]) == ["SELECT 1", "naive", "pushdown"] for _, one in by_round)
    assert len({tuple(one.sort_values("position")["condition"]) for _, one in by_round}) > 2
    assert (samples["elapsed_ns"] > 0).all()


@pytest.mark.parametrize("wrong", [wrong_always, broken, wrong_after(8), wrong_after(20)])
def test_a_wrong_condition_gets_no_time_and_the_others_do(
    notes: SeededNotes, wrong: Callable[[Connection, StatsQuery], CareStats]
) -> None:
    """Wrong at the gate, raising at the gate, wrong at the first timed question, wrong in a later round."""
    found = race(Study("t"), notes, naive=naive, wrong=wrong)
    assert found.failed == ("wrong",)
    assert found.right == ("naive",)
    assert set(found.samples["condition"]) == {"naive", "SELECT 1"}


def test_why_a_condition_could_not_answer_is_kept(notes: SeededNotes, tmp_path: Path) -> None:
    race(Study("t", str(tmp_path / "r.sqlite")), notes, naive=naive, broken=broken)
    gates = Results.read(tmp_path / "r.sqlite").gates()
    assert list(gates[gates["wrong"] > 0]["error"]) == ["RuntimeError: out of order"]


def test_when_all_fail_nothing_is_timed(notes: SeededNotes) -> None:
    found = race(Study("t"), notes, one=wrong_always, other=broken)
    assert found.samples.empty
    assert found.failed == ("one", "other")


def test_what_was_measured_is_read_and_what_is_missing_is_measured(notes: SeededNotes, tmp_path: Path) -> None:
    file = str(tmp_path / "r.sqlite")
    first = race(Study("t", file), notes, rounds=3, naive=naive, pushdown=pushdown).samples
    more = race(Study("t", file), notes, rounds=5, naive=naive, pushdown=pushdown).samples
    assert more[more["round"] < 3].reset_index(drop=True).equals(first)
    assert sorted(set(more["round"])) == list(range(-WARM_UPS, 5))
    again = race(Study("t", file), notes, rounds=5, naive=broken, pushdown=broken).samples  # nobody is asked
    assert again.equals(more)


def test_results_of_other_parameters_are_refused(tmp_path: Path) -> None:
    Study("t", str(tmp_path / "r.sqlite"), notes=10)
    with pytest.raises(Refused, match=r'made with other parameters: .*"notes": 10'):
        Study("t", str(tmp_path / "r.sqlite"), notes=11)


def test_a_finding_is_found_once(tmp_path: Path) -> None:
    file = str(tmp_path / "r.sqlite")
    assert Study("t", file).finding("x", lambda: {"a": 1}) == {"a": 1}
    assert Study("t", file).finding("x", lambda: {"a": 2}) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no results there"), (b"", "no results of carenotes"), (b"words" * 99, "no results of")],
)
def test_what_are_no_results_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "r.sqlite"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refused, match=said):
        Results.read(file)


def test_seeded_notes_are_those_of_their_spec_under_every_plan(notes: SeededNotes) -> None:
    assert facts(notes)["digest"] == digest(batches(SPEC, 2_000))
    assert facts(notes)["notes"] == 2_000
    for plan in ("none", "seed", "date", "covering"):
        with notes.engine(plan).connect() as connection:
            assert pushdown(connection, StatsQuery.on(1, SPEC.last_day)).total_notes > 0


def test_somebodys_own_notes_are_only_read_and_plans_are_tried_on_a_copy_of_the_latest(
    seeded: str, tmp_path: Path
) -> None:
    file = Path(seeded.removeprefix("sqlite:///"))
    before = file.read_bytes()
    own = OwnNotes(seeded, tmp_path, 1_000)
    sample = own.sample()
    assert sample.population.notes == 1_000
    assert sample.population.last_day == own.population.last_day
    for plan in ("none", "seed"):
        sample.engine(plan)
    with pytest.raises(ValueError, match="on a sample"):
        own.engine("covering")
    assert file.read_bytes() == before


class Sampled(Contender):
    """Does ten things in a run and has two of them compared."""

    units, compared = 10, 2

    def prepare(self, _round: int) -> None: ...

    def run(self) -> None: ...

    def check(self) -> int:
        return 0


def test_no_more_answers_are_said_to_be_checked_than_were(tmp_path: Path) -> None:
    study = Study("t", str(tmp_path / "r.sqlite"))
    study.blocks("x", {"sampled": Sampled()}, 3)
    gates = Results.read(tmp_path / "r.sqlite").gates()
    assert list(gates["questions"]) == [2 * (3 + WARM_UPS)]
