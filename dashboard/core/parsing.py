"""The boundary of a parser: whatever a damaged file makes a library raise becomes one of the project's errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard.core.errors import DashboardError
from dashboard.core.files import is_full

_MOST_CHARS = 300
_log = logging.getLogger(__name__)


@contextmanager
def parsing(explained: Callable[[Exception], Exception]) -> Iterator[None]:
    """Turns every exception in the block, except DashboardError, into the one that `explained` makes of it.

    An OSError that says that the disk is full stays as it is, too: then the block could not copy the file, which may be sound.

    Libraries raise dozens of kinds of exceptions on damaged files, and no list of them stays complete. The cause and
    its traceback are logged with the level INFO: a batch may hold thousands of damaged files.
    """
    try:
        yield
    except DashboardError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_full(error):
            raise
        told = explained(error)
        _log.info("%s", told, exc_info=error)
        raise told from error


def reason(error: BaseException) -> str:
    """Why a file could not be read, in one line without a full stop."""
    if isinstance(error, MemoryError):
        return "reading it would take more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = " ".join(str(error).split()).rstrip(".")[:_MOST_CHARS]
    if isinstance(error, KeyError):
        return f"it lacks {text}"
    return text.encode("utf-8", "replace").decode() or type(error).__name__
