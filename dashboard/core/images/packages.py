"""Packages that only some kinds of images need. They are imported with the first such image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.core.errors import ImageError
from dashboard.core.shell import install_requirements


@contextmanager
def needing(package: str, images: str) -> Iterator[None]:
    """Makes a failed import the error that these images, such as "HEIC images", need the package. Raises ImageError."""
    try:
        yield
    except ImportError as error:
        raise ImageError(
            f"{images} need the package {package} ({error}).",
            f"Install it with `{install_requirements()}`.", "dependency_broken",
        ) from error  # fmt: skip
