"""Keeps the server's memory from growing with every session that ever was.

Streamlit keeps a session for two minutes after its browser has left, in case it comes back. Then the session is over, but
its pictures and files stay in memory until another session ends. Also, glibc does not return freed memory to the system.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os

from streamlit.runtime import get_instance

EVERY_S = 30.0
_M_ARENA_MAX = -8  # of glibc's malloc.h


def keep_few_arenas() -> None:
    """Makes threads share the memory that they have freed. Call it before there are threads."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own pool keeps freed memory
    with contextlib.suppress(OSError, AttributeError):  # other systems have no glibc
        # glibc keeps freed memory for each thread, and every session has threads
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, 2)


async def give_back(every_s: float = EVERY_S) -> None:
    """Forgets sessions that are over, and gives free memory back to the system, again and again. Never returns.

    Must run in the event loop of Streamlit's server, which uses the sessions.
    """
    while True:
        await asyncio.sleep(every_s)
        if forget_ended_sessions():
            await asyncio.to_thread(gc.collect)
        await asyncio.to_thread(_trim)


def forget_ended_sessions() -> int:
    """Frees the memory of sessions that can no longer come back, and returns their number."""
    # Streamlit has no public call for it. It does the same whenever the browser of another session leaves.
    storage = get_instance()._session_mgr._session_storage  # type: ignore[attr-defined]
    return len(storage._cache.expire())


def _trim() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
