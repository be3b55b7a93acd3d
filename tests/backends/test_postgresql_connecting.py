"""Whatever keeps a command from a PostgreSQL server is told in one line that names it, and no secret."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import URL

from carenotes.backends import lost, nameless, parsed, plain_error
from carenotes.backends.postgresql import connections
from tests.backends.conftest import EVERY, READING, WRITING, Say, one_line
from tests.conftest import run_in
from tests.somebody import PASSWORD, Somebody, text_of


def there(url: URL, **changes: object) -> URL:
    return url.set(password=PASSWORD, **changes)  # type: ignore[arg-type]


def with_option(name: str, value: str) -> Callable[[URL], URL]:
    return lambda url: url.update_query_dict({name: value})


NOT_REACHED: dict[str, tuple[Callable[[URL], URL | str], str]] = {
    "no server": (lambda url: there(url, port=1), ":1/{name}: no server answers there"),
    "no host": (lambda url: there(url, host="no.such.host.invalid"), ":{port}/{name}: there is no such host"),
    "wrong password": (there, ":{port}/{name}: the user or the password is wrong"),
    "no such user": (lambda url: there(url, username="stranger"), "the user or the password is wrong"),
    "no password": (lambda url: url.set(password=""), "asks for a password; it goes into the URL, or into PGPASSWORD"),
    "no SSL there": (with_option("sslmode", "require"), "the server has no SSL, which sslmode asks for"),
    "no sslmode": (with_option("sslmode", "perhaps"), "sslmode is none; allowed: disable"),
    "an option that is none": (with_option("colour", "red"), "an option after the ? that PostgreSQL does not know"),
    "a setting that is none": (with_option("options", "-c colour=red"), "options set what the server does not know"),
    "no port": (lambda url: there(url, port=99_999), "the URL's port is none; allowed: 1 to 65535"),
    "another driver": (lambda url: there(url, drivername="postgresql+psycopg2"), "another driver; allowed: postgresql"),
    "a mask": (str, "the password in the URL is a mask (***), not a password"),
    "an @ in a password": (lambda url: text_of(there(url)).replace("%20", "@").replace(" ", "@"), "written with %40"),
    "no number as port": (lambda url: text_of(there(url)).replace(f":{url.port}", ":five"), "not a database URL"),
    "no database": (lambda url: text_of(there(url)).rpartition("/")[0], "the URL names no database"),
}


@pytest.mark.parametrize("command", EVERY)
@pytest.mark.parametrize("fault", NOT_REACHED)
def test_what_keeps_from_connecting_is_refused(say: Say, their_notes: URL, command: str, fault: str) -> None:
    made, said = NOT_REACHED[fault]
    wanted = said.format(name=their_notes.database, port=their_notes.port)
    assert wanted in one_line(say(command, made(their_notes)))


@pytest.mark.parametrize("command", [*READING, "index"])
def test_a_database_that_is_not_there_is_not_made_by_asking(
    say: Say, somebody: Somebody, their_notes: URL, command: str
) -> None:
    said = one_line(say(command, their_notes.set(database="absent")))
    assert f"{their_notes.port}/absent: no such database; 'carenotes seed --database URL --notes N' makes one" in said
    assert somebody.sql(somebody.url, "SELECT 1 FROM pg_database WHERE datname = 'absent'") == []


@pytest.mark.parametrize("command", EVERY)
def test_a_server_that_is_too_old_is_refused(
    say: Say, their_notes: URL, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(connections, "OLDEST", 990_000)
    assert "is too old; allowed: 99 or newer" in one_line(say(command, their_notes))


# Who may not


@pytest.mark.parametrize("command", ["stats", "report"])
def test_who_may_not_read_is_told_what_suffices(say: Say, somebody: Somebody, command: str) -> None:
    url = somebody.role(somebody.notes())
    assert "no permission; to read, SELECT on care_notes suffices" in one_line(say(command, url))


@pytest.mark.parametrize("command", WRITING)
def test_who_may_only_read_writes_nothing(say: Say, somebody: Somebody, command: str) -> None:
    url = somebody.notes()
    reader = somebody.role(url)
    somebody.sql(url, f"GRANT SELECT ON care_notes TO {reader.username}")
    assert say("stats", reader).returncode == 0
    assert "no permission" in one_line(say(command, reader))
    assert somebody.sql(url, "SELECT count(*) FROM care_notes") == [(1_000,)]


def test_who_may_not_make_a_database_or_a_table_is_told_that(say: Say, somebody: Somebody) -> None:
    role = somebody.role(somebody.database())
    said = one_line(say("seed", role.set(database="absent")))
    assert "/absent: is not there, and no permission to create it" in said
    assert "no permission for the schema (USAGE; to write, CREATE too)" in one_line(say("seed", role))


def test_who_may_not_enter_is_told_that(say: Say, somebody: Somebody) -> None:
    url = somebody.notes()
    role = somebody.role(url)
    somebody.sql(url, f"ALTER ROLE {role.username} NOLOGIN")
    assert "the user may not log in" in one_line(say("stats", role))
    somebody.sql(url, f"ALTER ROLE {role.username} LOGIN", f"REVOKE CONNECT ON DATABASE {url.database} FROM PUBLIC")
    assert "no permission to connect to it (CONNECT)" in one_line(say("stats", role))


def test_a_role_that_is_read_only_reads_and_is_refused_for_writing(say: Say, somebody: Somebody) -> None:
    url = somebody.notes()
    somebody.sql(url, f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
    assert say("stats", url).returncode == 0
    for command in WRITING:
        assert "the database is read-only" in one_line(say(command, url))


# Whoever waits, and what is lost


@contextmanager
def locked(url: URL) -> Iterator[None]:
    """Somebody does to the table what nobody else may see."""
    with psycopg.connect(text_of(url.set(drivername="postgresql"))) as holder:
        holder.execute("LOCK TABLE care_notes IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("command", EVERY)
def test_nobody_waits_long_for_somebody_elses_lock(
    say: Say, their_notes: URL, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(connections, "LOCK_TIMEOUT", 0.1)
    with locked(their_notes):
        assert "somebody has held a lock on care_notes" in one_line(say(command, their_notes))
    assert say("stats", their_notes).returncode == 0


def as_a_view(somebody: Somebody, beside: str) -> URL:
    """Notes that are read beside something that is done for each of them."""
    url = somebody.notes()
    view = f"CREATE VIEW care_notes AS SELECT notes.* FROM notes, LATERAL (SELECT {beside} + 0 * notes.id) AS beside"
    somebody.sql(url, "ALTER TABLE care_notes RENAME TO notes", view)
    return url


def test_a_statement_that_takes_too_long_is_ended(
    say: Say, somebody: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STATEMENT_TIMEOUT", 0.3)
    url = as_a_view(somebody, "length(pg_sleep(1)::text)")
    assert "a statement has taken longer than it may (statement_timeout)" in one_line(say("stats", url), 1)


def test_a_connection_that_is_lost_in_the_middle_is_told(say: Say, somebody: Somebody) -> None:
    url = as_a_view(somebody, "pg_terminate_backend(pg_backend_pid())::int")
    assert "the connection was lost (was the server stopped, or out of disk?)" in one_line(say("stats", url), 1)


def test_a_server_that_takes_no_further_connection_is_told(say: Say, somebody: Somebody) -> None:
    url = somebody.notes()
    role = somebody.role(url)
    somebody.sql(url, f"ALTER ROLE {role.username} CONNECTION LIMIT 0")
    assert "the server takes no further connection" in one_line(say("stats", role))
    somebody.sql(url, f"ALTER ROLE {role.username} CONNECTION LIMIT -1")
    somebody.sql(somebody.url, f"ALTER DATABASE {url.database} CONNECTION LIMIT 0")
    assert "the server takes no further connection" in one_line(say("stats", role))


@pytest.mark.parametrize("command", EVERY)
def test_a_pooler_that_drops_what_a_session_begins_with_is_refused(
    say: Say, their_notes: URL, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(connections, "connect_arguments", lambda url, read_only: {"connect_timeout": 5})
    assert "settings of the session are lost on the way" in one_line(say(command, their_notes))


SAID = {  # by servers that we have not
    "FATAL:  the database system is starting up": "the server takes no connection now",
    "FATAL:  sorry, too many clients already": "the server takes no further connection",
    "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute": "no further connection",
    "FATAL:  unsupported startup parameter: options": "a pooler drops settings of the session",
    "ERROR:  canceling statement due to conflict with recovery": "a standby has cancelled the query",
    "ERROR:  cannot execute INSERT in a read-only transaction": "the database is read-only",
    'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", SSL off': "does not let this user in",
    "connection failed: SSL error: certificate verify failed": "certificates of server and client do not fit",
    "server closed the connection unexpectedly": "the connection was lost",
    'could not extend file "base/5/6": No space left on device': "the disk of the server is full",
    'could not write to file "pg_wal/1": Disk quota exceeded': "the disk of the server is full",
    "could not receive data from server: Connection reset by peer": "the connection was lost",
    "connection failed: whatever else there may be": "the server refuses the connection",
}


@pytest.mark.parametrize("words", SAID)
def test_what_servers_say_is_told_in_plain_words(words: str) -> None:
    said = str(plain_error("postgresql://u:p@host/db", psycopg.OperationalError(words)))
    assert said.startswith("host/db: ")
    assert SAID[words] in said


# Secrets

ODD = ["@:/% '\"", "a\\b", "x y", "%40", "#?&=+", "ü☃", "'"]


@pytest.fixture(scope="module")
def written(somebody: Somebody) -> URL:
    """Notes that may be added to."""
    return somebody.notes()


@pytest.mark.parametrize("password", ODD)
@pytest.mark.parametrize("command", ["stats", *WRITING])
def test_a_password_may_hold_any_character(
    say: Say, somebody: Somebody, written: URL, password: str, command: str
) -> None:
    url = written
    role = somebody.role(url, password)
    somebody.sql(url, f"ALTER ROLE {role.username} SUPERUSER")
    address = f"postgresql://{role.username}:{quote(password, safe='')}@{url.host}:{url.port}/{url.database}"
    done = say(command, address)
    assert (done.returncode, done.stderr) == (0, "")
    assert say(command, text_of(role)).returncode == 0
    wrong = say(command, address.replace(f"@{url.host}", f"1@{url.host}"))
    assert "the user or the password is wrong" in one_line(wrong)
    assert quote(password, safe="") not in wrong.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:a%20p%2Fw@h/d",
        "postgresql://u:a p%2Fw@h/d",
        "postgresql://u@h/d?password=a%20p%2Fw",
        "postgresql://u@h/d?sslpassword=a+p%2Fw",
    ],
)
@pytest.mark.parametrize("way", ["a p/w", "a%20p%2Fw", "a+p%2Fw", "a p%2Fw"])
def test_what_a_driver_tells_of_a_password_is_masked(url: str, way: str) -> None:
    said = str(plain_error(url, psycopg.OperationalError(f'unexpected words in "{way}"')))
    assert said == 'h/d: unexpected words in "***"'


def test_a_password_may_come_from_the_environment_in_the_place_of_the_url(
    say: Say, somebody: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = somebody.notes()
    monkeypatch.setenv("PGPASSWORD", str(url.password))
    for command in ("stats", *WRITING):
        assert say(command, url.set(password=None)).returncode == 0


def test_not_even_a_traceback_tells_a_password(tmp_path: Path, their_notes: URL) -> None:
    url = text_of(their_notes.set(password=PASSWORD, query={"sslmode": "disable"}))
    arguments = ["--debug", *EVERY["seed"](url, tmp_path)]
    done: subprocess.CompletedProcess[str] = run_in(tmp_path, *arguments)
    assert "Traceback" in done.stderr
    assert "password authentication failed" in done.stderr
    for secret in (PASSWORD, PASSWORD.replace(" ", "%20"), PASSWORD.replace(" ", "+")):
        assert secret not in done.stderr


def test_the_search_path_of_the_url_finds_the_table(say: Say, somebody: Somebody) -> None:
    url = somebody.notes()
    somebody.sql(url, "CREATE SCHEMA theirs", *(f"ALTER TABLE {one} SET SCHEMA theirs" for one in OURS))
    assert "it has no table care_notes" in one_line(say("stats", url))
    address = f"{text_of(url.set(drivername='postgresql'))}?options="
    for way in ("-csearch_path%3Dtheirs", "-c%20search_path%3Dtheirs", "-c+search_path%3Dtheirs%2Cpublic"):
        for command in ("stats", *WRITING):
            done = say(command, address + way)
            assert (done.returncode, done.stderr) == (0, "")
    [(written,)] = somebody.sql(url, "SELECT count(*) FROM theirs.care_notes")
    assert written == 1_000 + 100 + 1
    assert somebody.sql(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


OURS = ("care_notes", "seed_loads", "ingests", "tenant_names", "facility_names")


def test_what_names_somebodys_database_can_be_taken_out_of_what_was_said() -> None:
    url = parsed("postgresql://carenotes:s3cret@db.example:6543/notes?options=-csearch_path%3Dtheirs")
    said = (
        'connection to server at "db.example", port 6543 failed: FATAL: password authentication failed for user '
        '"carenotes" (s3cret): database "notes", "-csearch_path=theirs"; db.example:6543/notes: carenotes/cli.py'
    )
    assert nameless(said, url) == (
        'connection to server at "...", port ... failed: FATAL: password authentication failed for user '
        '"..." (***): database "...", "..."; <database>: carenotes/cli.py'
    )


def test_a_database_is_lost_where_its_server_does_not_answer_and_not_where_there_is_none(their_notes: URL) -> None:
    assert lost(their_notes) is None
    assert lost(their_notes.set(database="absent")) is None
    assert lost(their_notes.set(port=1)) == "the database: no server answers there"
    assert lost(parsed("sqlite:////no/such/folder/notes.db")) is None
