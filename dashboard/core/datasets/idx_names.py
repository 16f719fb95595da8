"""The names of idx files, as MNIST and its followers use them: t10k-images-idx3-ubyte.gz."""

from __future__ import annotations

import re

NAME = re.compile(r"(?P<split>[^/]*?)[-_.]?(?P<what>images|labels)[-_.]idx\d[-_.][a-z]+(\.gz)?", re.IGNORECASE)


def is_idx_name(name: str) -> bool:
    """True if the name, without its folders, is one that MNIST and its followers use."""
    return NAME.fullmatch(name.rpartition("/")[2]) is not None
