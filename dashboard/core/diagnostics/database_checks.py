"""Checks of the database: whether it can be used, whether records wait or were lost, and how much its answers help."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from dashboard.core.database.ids import new_id, now_utc
from dashboard.core.diagnostics.checks import MIB, Check, without_full_stop
from dashboard.core.diagnostics.context import CheckContext, Records, Step
from dashboard.core.errors import DashboardError, DependencyError, counted
from dashboard.core.metrics.percent import percent

if TYPE_CHECKING:
    from dashboard.core.database.database import Database

_TRIED_BYTES = 2**16  # more than the last page of the file may have room for


def steps(context: CheckContext) -> list[Step]:
    """Whether the database can be used and, in a server, what waits for it and how often its answers were used."""
    found = [
        Step("storage.database", "storage", "whether the database can be used", lambda c: [check_database(c)]),
    ]
    if (records := context.records) is not None:
        asked = records
        found += [
            Step("storage.records", "storage", "whether all records are stored", lambda _: [check_records(asked())]),
            Step(
                "storage.answers", "storage", "the stored answers", lambda _: [check_answers(asked())],
                after=("storage.database",),
            ),
        ]  # fmt: skip
    return found


def check_database(context: CheckContext) -> Check:
    """Opens the database anew, reads from that of this process, and writes a row that is deleted again."""
    from dashboard.core.database.database import Database

    try:
        if context.records is not None:
            used = context.records().database
            used.check_again()
            _read_and_write(used)
        else:
            with closing(Database(context.settings)) as database:
                _read_and_write(database)
    except DependencyError as error:
        fix = "Mend what the checks of the packages say. Predictions continue meanwhile."
        return Check("storage.database", "storage", "error", without_full_stop(error.message), fix)
    except DashboardError as error:
        return Check("storage.database", "storage", "error", without_full_stop(error.message), error.fix)
    return Check("storage.database", "storage", "ok", "The database can be read and written")


def _read_and_write(database: Database) -> None:
    """Raises DashboardError if one of both fails. A full disk shows only in a change that is kept."""
    with database.reading():
        pass
    from dashboard.core.database.tables import cached_answers

    key, value, now = new_id(now_utc()), bytes(_TRIED_BYTES), now_utc()  # no answer has such a short key
    row = {"answer_key": key, "value": value, "value_sha256": "", "size_bytes": len(value), "used_utc": now}
    for statement in (
        cached_answers.insert().values(row),
        cached_answers.delete().where(cached_answers.c.answer_key == key),
    ):
        with database.writing() as connection:
            connection.execute(statement)


def check_records(records: Records) -> Check:
    """Whether records of predictions wait for the database, or are lost."""
    history = records.history
    waiting, dropped, error = history.waiting, history.dropped, history.last_error
    details = (("Waiting", f"{waiting:,}"), ("Lost since the start", f"{dropped:,}"))
    if not dropped and error is None:
        return Check("storage.records", "storage", "ok", "All records of predictions are stored", "", details)
    why = f"; the last failure: {without_full_stop(error.message)}" if error else ""
    waits = "waits" if waiting == 1 else "wait"
    summary = f"{counted(waiting, 'record')} of predictions {waits} to be stored, {dropped:,} lost{why}"
    fix = error.fix if error else "Restart the dashboard to count anew; what is lost cannot be restored."
    return Check("storage.records", "storage", "warning", summary, fix, details)


def check_answers(records: Records) -> Check:
    """How often a stored answer was used, and how large all of them are."""
    figures = records.answers.figures
    asked = figures.hits + figures.misses
    used = f"{percent(figures.hits / asked, 0)} of {asked:,} questions" if asked else "no question yet"
    try:
        size = records.answers.size_bytes()
    except DashboardError as error:
        summary = f"The stored answers cannot be counted: {without_full_stop(error.message)}"
        return Check("storage.answers", "storage", "warning", summary, error.fix)
    details = (("Answered from the store", used), ("Size", f"{size / MIB:,.1f} MiB"))
    summary = f"Stored answers take {size / MIB:,.1f} MiB; answered from them since the start: {used}"
    return Check("storage.answers", "storage", "ok", summary, "", details)
