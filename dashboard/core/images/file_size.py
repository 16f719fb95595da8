"""The largest image file that is read."""

from __future__ import annotations

from typing import IO

from dashboard.core.errors import ImageError

MAX_FILE_BYTES = 64 * 2**20


def limited(file: IO[bytes]) -> bytes:
    """The content of an image file. Raises ImageError with the code `too_large`, after reading no more than the limit."""
    data = file.read(MAX_FILE_BYTES + 1)
    check_size(data)
    return data


def check_size(data: bytes) -> None:
    """Raises ImageError with the code `too_large`."""
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(
            f"The file is larger than {MAX_FILE_BYTES // 2**20} MB.",
            "Reduce the width and the height of the image, or save it as JPEG.",
            "too_large",
        )
