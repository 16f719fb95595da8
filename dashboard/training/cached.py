"""Arrays that take long to compute are stored, so that a resumed training reads them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dashboard.core.files import open_atomically


def cached(path: Path, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in the file; it is computed and stored if the file is missing."""
    if path.exists():
        return np.load(path, allow_pickle=False)
    array = compute()
    with open_atomically(path) as file:
        np.save(file, array)
    return array
