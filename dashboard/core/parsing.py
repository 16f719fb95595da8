"""The boundary of a parser: whatever a damaged file makes a library raise becomes one of the project's errors. And JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

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


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises ValueError for anything else, also for one that is nested too deeply or gives a key two values.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if key := key_of_two_values(value, pairs):
        raise key_with_two_values(key)
    return value


def key_with_two_values(key: str) -> ValueError:
    """The error for a JSON text that gives a key of one object two values, of which only one would count."""
    return ValueError(f"it gives the key {key[:80]!r} two values")


def key_of_two_values(value: Mapping[str, Any], pairs: Sequence[tuple[str, Any]]) -> str:
    """The first key to which the pairs of a JSON object give another value than `value` does; "" if there is none."""
    if len(value) == len(pairs):
        return ""
    return next((key for key, each in pairs if value[key] != each), "")
