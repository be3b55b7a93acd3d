"""What PostgreSQL and its drivers say, and what is said instead; what is found first in an error counts."""

from carenotes.backends.backend import Says
from carenotes.backends.postgresql.connections import LOCK_TIMEOUT
from carenotes.errors import Failed, Refused

_LOST = "the connection was lost (was the server stopped, or out of disk?)"
BUSY: tuple[str, ...] = ("could not serialize access", "deadlock detected", "lock timeout")
SAYS: Says = {
    "password authentication failed": (Refused, "the user or the password is wrong"),
    "no password supplied": (Refused, "the server asks for a password; it goes into the URL, or into PGPASSWORD"),
    "no pg_hba.conf entry": (Refused, "the server does not let this user in from here"),
    "connection refused": (Refused, "no server answers there"),
    "connection timeout expired": (Refused, "no server answers there in time"),
    "failed to resolve host": (Refused, "there is no such host"),
    "name or service not known": (Refused, "there is no such host"),
    "server does not support ssl": (Refused, "the server has no SSL, which sslmode asks for"),
    "invalid sslmode": (Refused, "the URL's sslmode is none; allowed: disable, prefer, require, verify-full ..."),
    "certificate": (Refused, "the certificates of server and client do not fit (sslmode, sslrootcert)"),
    "invalid port": (Refused, "the URL's port is none; allowed: 1 to 65535"),
    "invalid connection option": (Refused, "the URL has an option after the ? that PostgreSQL does not know"),
    "unrecognized configuration parameter": (Refused, "the URL's options set what the server does not know"),
    "unsupported startup parameter": (Refused, "a pooler drops settings of the session; connect to the server itself"),
    "too many clients": (Refused, "the server takes no further connection"),
    "remaining connection slots": (Refused, "the server takes no further connection"),
    "too many connections": (Refused, "the server takes no further connection"),
    "permission denied to create database": (Refused, "is not there, and no permission to create it"),
    "permission denied for schema": (Refused, "no permission for the schema (USAGE; to write, CREATE too)"),
    "permission denied for database": (Refused, "no permission to connect to it (CONNECT)"),
    "permission denied": (Refused, "no permission; to read, SELECT on care_notes suffices; to write, own its tables"),
    "must be owner": (Refused, "no permission; only the owner of care_notes can do that"),
    "is not permitted to log in": (Refused, "the user may not log in"),
    "read-only transaction": (Refused, "the database is read-only"),
    "lock timeout": (Refused, f"somebody has held a lock on care_notes for {LOCK_TIMEOUT} s; try again later"),
    "statement timeout": (Failed, "a statement has taken longer than it may (statement_timeout)"),
    "conflict with recovery": (Failed, "a standby has cancelled the query; ask the primary, or try again"),
    "is not accepting connections": (Refused, "the server takes no connection now (it starts, ends or recovers)"),
    "the database system is": (Refused, "the server takes no connection now (it starts, ends or recovers)"),
    "terminating connection": (Failed, _LOST),
    "server closed the connection": (Failed, _LOST),
    "connection is lost": (Failed, _LOST),
    "the connection is closed": (Failed, _LOST),
    "connection not open": (Failed, _LOST),
    "no connection to the server": (Failed, _LOST),
    "could not receive data": (Failed, _LOST),
    "no space left": (Failed, "the disk of the server is full"),
    "could not extend file": (Failed, "the disk of the server is full"),
    "disk quota exceeded": (Failed, "the disk of the server is full"),
    "out of range": (Refused, "a number is too large for its column"),
    "connection failed": (Refused, "the server refuses the connection (--debug shows its words)"),
    "connection is bad": (Refused, "cannot be connected to (--debug shows why)"),
}
