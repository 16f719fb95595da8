"""Keeps chosen pictures in memory, so that an address can name one. The least recently used are dropped first."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

MOST_BYTES = 128 * 2**20


class KeptPictures:
    """Names and contents of image files by key. Nobody can guess a key without the file. Thread-safe."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, name: str, data: bytes) -> str:
        """Keeps a file and returns its key. The newest file is kept however large it is."""
        key = hashlib.sha256(name.encode(errors="replace") + b"\0" + data).hexdigest()[:32]
        with self._lock:
            self._kept[key] = name, data
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(len(each) for _, each in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
        return key

    def get(self, key: str) -> tuple[str, bytes] | None:
        """The name and content of a file; None if it was dropped."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)
