"""Notebook 07: what is counted (plans, partitions, attacks) exactly; effects and sentences from planted samples."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from carenotes import StatsQuery
from carenotes.aggregators import naive, pushdown
from carenotes.backends import BACKENDS, open_database, postgresql
from carenotes.lab.conditions import SELECT_1, Condition, condition
from carenotes.lab.notes.copies import SeededNotes
from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.runner.study import Study
from carenotes.lab.runner.workers import PARTS, TIMED
from carenotes.lab.statistics.verdicts import REFUTED, SUPPORTED
from carenotes.original.decisions import verdicts
from carenotes.report.finding import correctness
from carenotes.report.table import Table
from carenotes.seeding import SeedSpec, stored_digest
from carenotes.studies.server import attacks, experiment, figures, findings, inspected, month, place, tables, tenants
from carenotes.studies.server.experiment import NOTEBOOK
from carenotes.studies.server.place import MONTHS, PLAIN, SERVER, Place
from carenotes.studies.server.tenants import ON_ROLE, ON_SETTING
from tests.lab import timed

pytestmark = pytest.mark.slow  # a server, with many copies

SPEC = SeedSpec(2_000, tenants=4, facilities=3, patients=5, days=place.DAYS)
THROUGH_BOTH = {
    "INSERT of a known id, INSERT granted",
    "a view of the table's owner",
    "estimates of EXPLAIN",
    "pg_class.reltuples",
    "pg_stat_user_tables.n_live_tup",
    "pg_relation_size",
    "pg_roles",
}
THROUGH_A_SETTING = {"SET the session setting", "PREPARE, then SET the setting", "pg_stat_activity"}
NO_RIGHT = {"SET ROLE to another tenant's", "SET SESSION AUTHORIZATION", "INSERT of a known id, only SELECT granted"}


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("server")
    if BACKENDS[SERVER].place(folder, "x") is None:
        pytest.skip("no server of this engine")
    yield Place(SeededNotes(SPEC, folder, SERVER), folder)
    BACKENDS[SERVER].clear(folder)


# What is counted


def test_a_query_touches_the_partitions_of_its_months_and_no_other(where: Place) -> None:
    found = inspected.touched(Study(NOTEBOOK), where)
    assert found == {"there": 15, "1 months": 1, "12 months": 12}  # with the default one, and two months at the ends


def test_whole_months_are_asked_about_and_the_last_twelve(where: Place) -> None:
    who = where.notes.population
    for one in experiment.whole_months(who, 1, 1)(40):
        assert (one.first_day.day, one.last_day) == (1, place.next_month(one.first_day) - date.resolution)
    assert {(one.first_day, one.last_day) for one in experiment.whole_months(who, 1, 12)(40)} == {
        (date(2025, 7, 1), date(2026, 6, 30))
    }


def test_plans_say_which_index_is_used(where: Place) -> None:
    shown = inspected.plans_shown(Study(NOTEBOOK), where)
    used = {
        "none": "Seq Scan on care_notes",
        "original_meant": "using idx_tenant_facility",  # it serves a range of times as any index on the tenant does
        "date": "using carenotes_tenant_created",
        "facility": "using carenotes_facility_created",
        "covering": "Index Only Scan on care_notes using carenotes_covering ",
        "covering_include": "Index Only Scan on care_notes using carenotes_covering_include",
        "brin": "Seq Scan on care_notes",  # so few pages
    }
    assert {name: any(step in one for one in shown[name]) for name, step in used.items()} == dict.fromkeys(used, True)
    meant = inspected.plans_as_meant(Study(NOTEBOOK), where)
    for engine in (SERVER, "sqlite"):
        assert any("carenotes_meant_tenant_date" in step for step in meant[engine]), engine


def test_shuffled_notes_are_the_same_notes_in_no_order(where: Place) -> None:
    def correlation(notes: SeededNotes) -> float:
        with notes.engine("brin").connect() as connection:
            found: float = connection.execute(
                text("SELECT correlation FROM pg_stats WHERE tablename = 'care_notes' AND attname = 'id'")
            ).scalar_one()
            return found

    assert correlation(where.notes) == 1
    assert abs(correlation(where.shuffled)) < 0.2
    digests = []
    for notes in (where.notes, where.shuffled):
        with notes.engine("brin").connect() as connection:
            digests.append(stored_digest(connection))
    assert digests[0] == digests[1]
    where.shuffled.close()


def test_a_fresh_day_is_looked_up_in_the_table_until_it_is_vacuumed(where: Place) -> None:
    found = inspected.heap_fetches(Study(NOTEBOOK), where)
    notes = where.with_fresh_day(vacuumed=False)
    who = notes.population
    assert who.last_day == date(2026, 7, 1)
    with notes.engine(PLAIN).connect() as connection:
        total = pushdown(connection, StatsQuery.on(experiment.largest(who)[0], who.last_day)).total_notes
    assert (total > 20, found) == (True, {experiment.WRITTEN: 2 * total, experiment.AFTER_VACUUM: 0})
    assert who.notes == where.with_fresh_day(vacuumed=True).population.notes == 2_100


@pytest.mark.parametrize(
    ("design", "make"),
    [
        (MONTHS, month.Dropped),
        (PLAIN, lambda *arguments: month.Deleted(*arguments, vacuum=True)),
        (PLAIN, lambda *arguments: month.Deleted(*arguments, vacuum=False)),
    ],
)
def test_a_month_is_removed_when_it_counts_and_put_back_before(where: Place, design: str, make: object) -> None:
    ends = where.first_month
    assert ends == (datetime.fromisoformat("2025-06-01"), datetime.fromisoformat("2025-07-01"))
    with where.to_write.engine(design).connect() as connection:
        kept = connection.execute(text(f"SELECT count(*) FROM {month.KEPT}")).scalar_one()
    where.to_write.close()
    removal = make(where.to_write.url(design), *ends)  # type: ignore[operator]
    for part in (*PARTS, *PARTS):
        removal.warm_up(0, part)
        assert removal.digests() == ["2000"]
        removal.run()
        assert removal.digests() == [str(2_000 - kept) if part == TIMED else "2000"]
    assert kept > 100
    removal.close()


# Attacks


@pytest.fixture(scope="module")
def found(where: Place) -> dict[str, dict[str, attacks.Seen]]:
    return inspected.came_through(Study(NOTEBOOK), where)


def test_what_comes_through_each_policy_is_known(found: dict[str, dict[str, attacks.Seen]]) -> None:
    through = {policy: {name for name, seen in found.items() if seen[policy][0]} for policy in (ON_ROLE, ON_SETTING)}
    assert through == {ON_ROLE: THROUGH_BOTH, ON_SETTING: THROUGH_BOTH | THROUGH_A_SETTING}


def test_what_the_server_refuses_it_refuses_for_want_of_a_right(found: dict[str, dict[str, attacks.Seen]]) -> None:
    refused = {name for name, seen in found.items() if seen[ON_ROLE][1] == "InsufficientPrivilege"}
    assert refused == NO_RIGHT | {"SET row_security = off"}
    errors = {seen[1] for each in found.values() for seen in each.values() if seen[1][:1].isupper()}
    assert errors == {"InsufficientPrivilege", "UniqueViolation"}


def test_every_attack_that_a_policy_holds_comes_through_where_there_is_none(
    where: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be held by being badly written."""
    monkeypatch.setattr(tenants, "POLICIES", {ON_ROLE: "true", ON_SETTING: "true"})
    notes = where.secured
    own, other = experiment.largest(notes.population)
    with tenants.roles(notes.url(PLAIN), (own, other)) as roles:
        seen = attacks.attacked(roles, ON_SETTING, own, other)
    held = {name for name, (through, _) in seen.items() if not through}
    # These are held by rights, and row security that is off cannot be where a policy is on.
    assert held == NO_RIGHT | {"SET row_security = off", "pg_stats"}


def test_roles_and_policies_are_gone_when_all_is_done_and_what_a_killed_process_left_is_cleared(where: Place) -> None:
    notes = where.secured
    own, other = experiment.largest(notes.population)
    engine = open_database(notes.url(PLAIN))

    def there() -> list[object]:
        with engine.connect() as connection:
            roles = text("SELECT count(*) FROM pg_roles WHERE rolname = ANY(:names)")
            names = tenants.Roles(notes.url(PLAIN), (own, other)).names
            kept = connection.execute(roles, {"names": names}).scalar_one()
            policies = connection.execute(text("SELECT count(*) FROM pg_policy")).scalar_one()
            return [kept, policies]

    with engine.begin() as connection:  # a process that was killed has not cleared up
        tenants.Roles(notes.url(PLAIN), (own, other)).make(connection)
    assert there() == [3, 2]
    with tenants.roles(notes.url(PLAIN), (own, other)) as roles:
        assert there() == [3, 2]
        with attacks.session(roles.url(ON_ROLE, own)) as session:
            assert session.execute("SELECT count(DISTINCT tenant_id) FROM care_notes").fetchone() == (1,)
    assert there() == [0, 0]
    engine.dispose()


def test_without_a_tenant_in_its_words_a_query_is_right_under_a_policy_only(where: Place) -> None:
    notes = where.secured
    own, other = experiment.largest(notes.population)
    days = (notes.population.first_day, notes.population.last_day)
    query = StatsQuery(own, *days, [1, 2])
    with notes.engine(PLAIN).connect() as connection:
        truth = naive(connection, query)
        assert tenants.unscoped(connection, query) != truth
    with tenants.roles(notes.url(PLAIN), (own, other)) as roles:
        for policy in (ON_ROLE, ON_SETTING):
            seen = tenants.SeenBy(notes, own, roles.url(policy, own))
            assert set(seen.population.tenants) == {own}
            engine = seen.engine(PLAIN)
            with engine.connect() as connection:
                assert tenants.unscoped(connection, query) == pushdown(connection, query) == truth
            engine.dispose()


def test_no_password_is_in_what_the_server_is_sent(where: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants.secrets, "token_urlsafe", lambda _: "plain-to-see")
    notes = where.secured
    sent: list[str] = []
    engine = open_database(notes.url(PLAIN))
    with engine.begin() as connection:
        exec_driver_sql = connection.exec_driver_sql
        monkeypatch.setattr(connection, "exec_driver_sql", lambda sql: [sent.append(sql), exec_driver_sql(sql)][1])
        roles = tenants.Roles(notes.url(PLAIN), (1,))
        roles.make(connection)
        roles.remove(connection)
    engine.dispose()
    assert len(sent) == 2
    assert all("SCRAM-SHA-256$" in one and "plain-to-see" not in one for one in sent)


# Without a server


def test_where_there_is_no_server_the_notebook_says_so_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "place", lambda folder, name: None)
    study = Study(NOTEBOOK)
    where = place.on_server(study, SeedSpec(100), tmp_path)
    found = experiment.measured(study, where, 1, 2)
    assert where is None
    said = [correctness(*found.values())]
    spans = {many: found[name] for many, name in experiment.PRUNED.items()}
    nothing: dict[str, object] = {}
    said += [
        figures.designs(found[experiment.BY_DESIGN]),
        findings.designs(found[experiment.BY_DESIGN]),
        findings.connection(found[experiment.BY_DESIGN]),
        findings.as_meant(found[experiment.AS_MEANT]),
        findings.partitions(spans, found[experiment.INSERTS], found[experiment.REMOVED]),
        findings.attacks(inspected.came_through(study, where)),
        findings.policies(found[experiment.POLICIES]),
        findings.fresh_day(found[experiment.FRESH], inspected.vacuum_settings(study, where), 100),
        tables.designs(found[experiment.BY_DESIGN], inspected.design_bytes(study, where), found[experiment.INSERTS]),
        tables.plans(inspected.plans_shown(study, where), "", "design"),
        tables.plans(inspected.plans_as_meant(study, where), "", "engine"),
        tables.as_meant(found[experiment.AS_MEANT]),
        tables.partitions(spans, inspected.touched(study, where)),
        tables.removed(found[experiment.REMOVED]),
        tables.attacks(inspected.came_through(study, where)),
        tables.policies(found[experiment.POLICIES]),
        tables.fresh_day(found[experiment.FRESH], inspected.heap_fetches(study, where)),
        tables.known("", place.data_facts(study, where) | nothing),
    ]
    assert all(str(one).startswith("Not measured in this run") for one in said)


# From planted samples

NOTES = 900


def of(**fields: str) -> Condition:
    return condition(engine=SERVER, notes=NOTES, **fields)


def decided(tmp_path: Path, experiments: dict[str, dict[Condition, float]], **known: object) -> Results:
    results = Results.create(tmp_path / "r.sqlite")
    timed.raced(results, NOTEBOOK, experiments)
    for name, value in known.items():
        results.fact(NOTEBOOK, name.replace("_", " "), lambda value=value: value)
    return results


def parted(
    drop: float = 0.1, one: float = 10.0, twelve: float = 10.0, insert: float = 10.0
) -> dict[str, dict[Condition, float]]:
    """What partitions take where the plain table takes 10 ms, and a month that is dropped for 10 ms of deleting."""
    return {
        **{
            experiment.PRUNED[many]: {
                of(aggregator="pushdown", design=design): took if design == MONTHS else 10.0
                for design in (PLAIN, MONTHS)
            }
            for many, took in ((1, one), (12, twelve))
        },
        experiment.INSERTS: {of(design=PLAIN): 10.0, of(design=MONTHS): insert},
        experiment.REMOVED: {
            of(removal=how): took
            for how, took in ((experiment.VACUUMED, 10.0), (experiment.DELETED, 8.0), (experiment.DROPPED, drop))
        },
    }


@pytest.mark.parametrize(
    ("changes", "touched", "word"),
    [
        ({}, 1, SUPPORTED),
        ({}, 2, REFUTED),  # nothing is pruned
        ({"drop": 2.0}, 1, REFUTED),
        ({"one": 13.0}, 1, REFUTED),
        ({"twelve": 13.0}, 1, REFUTED),
        ({"insert": 20.0}, 1, REFUTED),
        ({"insert": 12.0}, 1, SUPPORTED),
    ],
)
def test_partitions_must_prune_and_drop_fast_and_cost_little(
    tmp_path: Path, changes: dict[str, float], touched: int, word: str
) -> None:
    found = decided(tmp_path, parted(**changes), partitions_touched={"there": 15, "1 months": touched, "12 months": 12})
    verdict = verdicts(found)["partitions"]
    assert verdict.word == word
    assert f"of 15 partitions a query about one month touches {touched}" in verdict.said
    if changes and touched == 1 and word == REFUTED:
        named = {"drop": "dropping a month", "one": "over one", "twelve": "over twelve", "insert": "an insert"}
        [changed] = changes
        assert named[changed] in verdict.said.partition(")")[0]


def meant(sqlite: float, server: float) -> dict[str, dict[Condition, float]]:
    """What the original's statement takes under its indexes as they were meant, where it takes 10 ms without."""
    times = {}
    for engine, took in (("sqlite", sqlite), (SERVER, server)):
        there = {"engine": engine, "notes": NOTES}
        times[condition(aggregator="original_optimized", design="none", **there)] = 10.0
        times[condition(aggregator="original_optimized", design="original_meant", **there)] = took
        times[condition(aggregator="naive", design="date", **there)] = 2.0
    return {experiment.AS_MEANT: times}


@pytest.mark.parametrize(
    ("sqlite", "server", "word"), [(5.0, 5.0, SUPPORTED), (9.0, 5.0, REFUTED), (5.0, 9.0, REFUTED)]
)
def test_the_date_indexes_as_they_were_meant_must_gain_on_both_engines(
    tmp_path: Path, sqlite: float, server: float, word: str
) -> None:
    verdict = verdicts(decided(tmp_path, meant(sqlite, server)))["index-date-as-meant"]
    assert verdict.word == word
    assert "a range on an index on tenant and time: SQLite 5.0x, PostgreSQL 5.0x" in verdict.said
    if word == REFUTED:
        assert f"({'SQLite' if sqlite > server else 'PostgreSQL'})" in verdict.said


def test_figures_and_tables_of_planted_designs(tmp_path: Path) -> None:
    times = {of(aggregator=name, design=design): 10.0 / (1 + number)
             for number, design in enumerate(place.DESIGNS) for name in experiment.COMPARED}  # fmt: skip
    times |= {of(aggregator=name, design="brin", order=experiment.SHUFFLED): 20.0 for name in experiment.COMPARED}
    times[of(aggregator="pushdown", design=PLAIN, client="a new connection each")] = 40.0
    times[of(statement=SELECT_1, design=PLAIN)] = 0.1
    inserts = {of(design=design): 1.0 for design in place.WRITTEN_TO}
    found = decided(tmp_path, {experiment.BY_DESIGN: times, experiment.INSERTS: inserts})
    designs, inserted = (measured(found, NOTEBOOK, name) for name in (experiment.BY_DESIGN, experiment.INSERTS))
    said = str(findings.designs(designs))
    assert "index on tenant and time 3.00x" in said
    assert "BRIN where the notes lie in no order 0.500x" in said
    assert ", 20.0x" in str(findings.connection(designs))
    shown = tables.designs(designs, dict.fromkeys((*place.DESIGNS, MONTHS), 1_000), inserted)
    assert isinstance(shown, Table)
    assert [row[0] for row in shown.rows][-1] == "BRIN index on time, notes shuffled"
    once = designs.samples[designs.samples["round"] == 0]
    for one in (designs, replace(designs, samples=once)):  # of one round there is no interval
        assert figures.designs(one).name == "server-designs"  # type: ignore[union-attr]


def test_a_first_look_names_the_index_and_no_value() -> None:
    steps = [
        "Aggregate",
        "  Bitmap Heap Scan on care_notes Recheck Cond: (tenant_id = '3'::bigint)",
        "    Bitmap Index Scan using carenotes_x Index Cond: "
        "((created_at >= '2026-06-30 00:00:00'::timestamp without time zone))",
        "  Seq Scan on care_notes",
    ]
    shown = tables.plans({"date": steps}, "", "design")
    assert isinstance(shown, Table)
    assert shown.rows == [
        (
            "index on tenant and time",
            "Bitmap Heap Scan on care_notes Recheck Cond: (tenant_id = ?) <- "
            "Bitmap Index Scan using carenotes_x Index Cond: ((created_at >= ?))",
        )
    ]
