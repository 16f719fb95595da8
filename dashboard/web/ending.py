"""Lets a server end in less than the 10 seconds that service managers such as Docker give it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

REQUESTS_S = 2.5  # that requests under way have to end
RECORDS_S = 3.0  # that records have to reach a database that cannot be used
ALL_S = 6.5  # after the requests, for all that follows


@contextmanager
def ending_in_time(requests_s: float = REQUESTS_S, all_s: float = ALL_S) -> Iterator[None]:
    """For the lifespan of an app of uvicorn: when it is asked to end, its process ends, whatever still runs in it.

    Args:
        requests_s: seconds until requests under way are cancelled.
        all_s: seconds from then until the process is ended.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)  # uvicorn handles the signal itself
    config = getattr(server, "config", None)
    if config is not None and config.timeout_graceful_shutdown is None:
        config.timeout_graceful_shutdown = requests_s
    yield
    if config is not None:
        last = threading.Timer(all_s, os._exit, (1,))
        last.daemon = True
        last.start()
