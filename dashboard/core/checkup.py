"""The last report and the one being made: shared by all sessions, made on a thread that no page waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from dashboard.core.checks import Check, Report, utc_now

Run = Callable[[Callable[[str], None]], Report]


class Checkup:
    """Runs the checks one at a time and keeps the last report. Thread-safe."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._doing: str | None = None
        self._report: Report | None = None

    @property
    def report(self) -> Report | None:
        """The last finished one."""
        return self._report

    @property
    def doing(self) -> str | None:
        """What is being checked now, plain text; None when nothing is."""
        return self._doing

    def start(self) -> None:
        """Starts the checks unless they are running."""
        with self._lock:
            if self._doing is not None:
                return
            self._doing = "Starting"
        threading.Thread(target=self._work, name="checkup", daemon=True).start()

    def _work(self) -> None:
        try:
            self._report = self._run(self._say)
        except Exception as error:  # without a report a page would start the checks again and again
            summary = f"The checks themselves stopped: {type(error).__name__}: {error}"
            check = Check("checkup", "packages", "error", summary, "Run `python -m dashboard doctor` to see where.")
            self._report = Report((check,), utc_now())
        finally:
            self._doing = None

    def _say(self, doing: str) -> None:
        self._doing = doing
