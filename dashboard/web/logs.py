"""The log of a server: one line for each event on standard error, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TextIO

OURS = "dashboard"
_OTHERS = ("uvicorn", "streamlit")  # they write lines of their own form, unless they are stopped


def set_up_logs(level: str, form: str) -> None:
    """Makes every logger of this process write to standard error in one form. May be called again.

    Args:
        level: debug, info, warning or error: the least that is written.
        form: text or json.
    """
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _StandardError)]:
        root.removeHandler(handler)
    handler = _StandardError()
    handler.setLevel(level.upper())
    handler.setFormatter(_AsJson() if form == "json" else _AsText())
    root.addHandler(handler)
    logging.getLogger(OURS).setLevel(level.upper())
    for name, logger in list(root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in _OTHERS:
            logger.handlers.clear()
            logger.propagate = True
    logging.getLogger("uvicorn.access").propagate = False  # there is an access log of our own


if TYPE_CHECKING:
    _Handler = logging.StreamHandler[TextIO]
else:
    _Handler = logging.StreamHandler  # Python 3.10 cannot subscript it


class _StandardError(_Handler):
    """Also after standard error was replaced."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _AsText(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """`TIME LEVEL LOGGER: MESSAGE`, and a traceback below it. The message is one line, whatever is in it."""
        message = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in record.getMessage().strip())
        line = f"{_time(record)} {record.levelname} {_name(record)}: {message}"
        return f"{line}\n{trace}" if (trace := _traceback(self, record)) else line


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """An object with time, level, logger and message, the fields of an access, and the traceback."""
        told = {
            "time": _time(record), "level": record.levelname, "logger": _name(record), "message": record.getMessage().strip(),
            **getattr(record, "fields", {}),
        }  # fmt: skip
        if trace := _traceback(self, record):
            told["traceback"] = trace
        return json.dumps(told, ensure_ascii=False, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")


def _name(record: logging.LogRecord) -> str:
    """The logger; uvicorn's for everything is called `uvicorn.error`, which would alarm people."""
    return "uvicorn" if record.name == "uvicorn.error" else record.name


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
