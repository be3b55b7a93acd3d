"""What is kept of an error: plain words, without what names a database, an address or a folder."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from carenotes.backends import backend_of, nameless, plain_error
from carenotes.errors import CarenotesError

_ADDRESS = re.compile(r"""\w[\w+.-]*://[^\s'"]*""")
_PATH = re.compile(r"""(?<![\w.])(?:/[^\s/'":;,]+){2,}/?""")


def plain(error: BaseException, databases: Iterable[URL]) -> BaseException:
    """What a driver of one of these databases said, by whatever way, as the error of one line; any other as it is."""
    said = error.orig if isinstance(error, DBAPIError) else error
    for url in databases:
        driver: Any = backend_of(url).absolute(url).get_dialect().import_dbapi()
        if said is not None and isinstance(said, driver.Error):
            return plain_error(url, said)
    return error


def told(error: BaseException, about: Iterable[URL], others: Iterable[URL] = ()) -> str:
    """The words of an error as results keep them; before them the type of one that is none of ours.

    `about`: the databases that whoever raised it has to do with; `others`: those whose names must not show either.
    """
    databases = list(about)
    found = plain(error, databases)
    said = str(found).splitlines()[0] if str(found) else ""
    for url in (*databases, *others):
        said = nameless(said, url).replace(str(url.database), "<database>")
    said = _PATH.sub("<path>", _ADDRESS.sub("<address>", said))
    return said if isinstance(found, CarenotesError) else f"{type(found).__name__}: {said}"
