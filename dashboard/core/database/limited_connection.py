"""A connection to PostgreSQL that does not wait for ever for a server that hangs: psycopg has no such limit of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

if TYPE_CHECKING:
    from psycopg.abc import PQGen

CONNECT_S = 5
_Result = TypeVar("_Result")


class LimitedConnection(psycopg.Connection[Any]):
    """Closes itself, and raises psycopg.OperationalError, if the server sends nothing for too long.

    Neither the operating system notices this, since that of a stopped server still takes what is sent, nor does the server's
    own limit for statements help.
    """

    transaction_s: float = CONNECT_S  # for the statements of the next transaction

    def wait(self, gen: PQGen[_Result], *args: Any, **kwargs: Any) -> _Result:
        """Waits for an answer, see above."""
        # SQLAlchemy's pings, before a connection is used again, are the only statements outside a transaction
        limit_s = CONNECT_S if self.autocommit else self.transaction_s
        try:
            return super().wait(_limited(gen, limit_s), *args, **kwargs)
        except TimeoutError:
            self.pgconn.finish()  # what comes of the statement is not known
            raise psycopg.OperationalError(f"the server has not answered for {limit_s:g} s") from None


def _limited(gen: PQGen[_Result], limit_s: float) -> PQGen[_Result]:
    """The same steps as those of `gen`, which psycopg takes at least once in a moment. Raises TimeoutError."""
    last = time.monotonic()
    try:
        state = next(gen)
        while True:
            if ready := (yield state):
                last = time.monotonic()
            elif time.monotonic() > last + limit_s:
                raise TimeoutError
            state = gen.send(ready)
    except StopIteration as end:
        result: _Result = end.value
        return result
