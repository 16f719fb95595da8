"""Downloads a file: the result is complete and verified, or absent."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from dashboard.core.errors import DatasetError
from dashboard.core.files import open_atomically, remove_unfinished

BLOCK_BYTES = 2**18
SILENCE_S = 30  # seconds without data after which the connection counts as lost
ABANDONED_S = 3600  # a partial file that is older belongs to a process that was killed

OnProgress = Callable[[int, int], None]  # bytes so far; total bytes, or 0 if the server does not say


def fetch(url: str, target: Path, sha256: str, on_progress: OnProgress = lambda done, total: None) -> None:
    """Downloads `url` to `target`. The file gets its name only after its length and SHA-256 were verified.

    Several processes may do this at once: each writes its own temporary file.

    Raises:
        DatasetError: `download_failed` if the file is incomplete, `checksum` if it is another file. The fix says where
            to put a file that was downloaded by hand.
    """
    by_hand = f"Try again, or fetch {url} elsewhere and put it at {target}."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_unfinished(target.parent, ABANDONED_S)
        with open_atomically(target) as out, urllib.request.urlopen(url, timeout=SILENCE_S) as response:
            total = int(response.headers.get("Content-Length") or 0)
            done, digest = 0, hashlib.sha256()
            while block := response.read(BLOCK_BYTES):
                out.write(block)
                digest.update(block)
                done += len(block)
                on_progress(done, total)
            if total and done != total:
                raise ConnectionError(f"the connection ended after {done:,} of {total:,} bytes")
            if digest.hexdigest() != sha256:
                raise DatasetError(
                    f"What {url} sent is not the file that is expected: its checksum does not match. It was not kept.",
                    by_hand,
                    "checksum",
                )
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise DatasetError(f"{target.name} could not be downloaded: {reason}.", by_hand, "download_failed") from error
