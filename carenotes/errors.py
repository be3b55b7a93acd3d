"""What can go wrong, told apart by whether anything had been written when it did."""

INTERRUPTED = 130  # an exit status


class CarenotesError(Exception):
    """An error told to people in one line; `exit_status` is that of the command line."""

    exit_status = 1


class Refused(CarenotesError):  # noqa: N818 - the word of the contract
    """Turned down before the first write: a wrong argument, an absent, foreign or unreadable thing."""

    exit_status = 2


class Failed(CarenotesError):  # noqa: N818
    """Went wrong after work had begun; what was finished is kept, the message says how to go on."""

    exit_status = 1


class Interrupted(CarenotesError):  # noqa: N818
    """Stopped by its user, with other words than those of a command that can be finished."""

    exit_status = INTERRUPTED


def null_in(column: str) -> Refused:
    """What is said of notes that hold NULL in a column where an answer, or a copy, needs a value."""
    return Refused(f"care_notes holds notes whose {column} is NULL; allowed: a view of that name without them")
