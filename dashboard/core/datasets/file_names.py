"""What the name of a file in a dataset tells."""

from __future__ import annotations

import unicodedata

from dashboard.core.images.decoding import SUFFIXES

# Folders that are called so say only that there are images in them
WORDS_FOR_IMAGES = frozenset(
    {
        "image", "images", "img", "imgs", "jpegimages", "picture", "pictures", "photo", "photos", "bilder",
    }
)  # fmt: skip


def is_image_name(name: str) -> bool:
    """True if the suffix is the one of an image file."""
    return suffix_of(name) in SUFFIXES


def normal_name(name: str) -> str:
    """The name in a standard spelling: composed accents, forward slashes, no `./` or `/` at the beginning."""
    composed = unicodedata.normalize("NFC", name)  # macOS writes é as e and an accent
    return composed.replace("\\", "/").removeprefix("./").lstrip("/")


def folder_of(name: str) -> str:
    """The folder of a file, in the spelling of `normal_name`; "" at the top level."""
    return normal_name(name).rpartition("/")[0]


def suffix_of(name: str) -> str:
    """The lower-case suffix of a file, with its dot; "" if it has none."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > name.rfind("/") + 1 else ""
