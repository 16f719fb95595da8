"""Whether a task is tried again after its worker died or could not be started."""

from __future__ import annotations

import time
from collections.abc import Callable

from dashboard.core.engine.worker import WorkerDied
from dashboard.core.errors import Code

LOSSES = 5
REFUSALS = 2


class Retries:
    """Counts what happened to the workers of one task and decides whether the task goes back into the queue.

    | what happened                        | counts as | the task is tried again while | otherwise it fails with |
    |--------------------------------------|-----------|-------------------------------|-------------------------|
    | its worker died while it was running | death     | deaths < attempts             | `worker_failed`         |
    | it ran longer than its limit         | death     | deaths < attempts             | `worker_hung`           |
    | its worker died before it began      | loss      | losses < LOSSES, or it waits  | `worker_lost`           |
    | it is next, but no worker starts     | refusal   | refusals < REFUSALS, or       | `worker_unavailable`    |
    |                                      |           | another worker may still      |                         |
    |                                      |           | work, or it waits             |                         |

    After a death the limit for losses must hold as well.

    "It waits" means: the task is not urgent, somebody else killed the worker (SIGKILL), and fewer than `patience_s`
    seconds have passed since loss number LOSSES or the first refusal. Whoever kills the workers may soon stop.
    """

    def __init__(
        self, attempts: int, urgent: bool, patience_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts, self._urgent, self._patience_s, self._now = attempts, urgent, patience_s, now
        self._deaths = self._losses = self._refusals = 0
        self._waiting_since: float | None = None

    def after_death(self, death: WorkerDied) -> Code | None:
        """None if the task is tried again, otherwise the code that it fails with."""
        if death.begun:
            self._deaths += 1
        else:  # the task cannot be the cause, so this is not one of its attempts
            self._losses += 1
        if self._deaths < self._attempts and (self._losses < LOSSES or self._waits(death)):
            return None
        if not death.begun:
            return "worker_lost"
        return "worker_hung" if death.overran else "worker_failed"

    def after_failed_start(self, death: WorkerDied, another_may_work: Callable[[], bool]) -> Code | None:
        """None if the task is tried again, otherwise the code that it fails with."""
        self._refusals += 1
        hope = another_may_work() or self._waits(death)
        return None if hope or self._refusals < REFUSALS else "worker_unavailable"

    def _waits(self, death: WorkerDied) -> bool:
        if self._waiting_since is None:
            self._waiting_since = self._now()
        return death.killed and not self._urgent and self._now() - self._waiting_since < self._patience_s
