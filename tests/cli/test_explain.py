"""The names of the files that `python -m dashboard explain` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.cli.explain import _files_in


@pytest.mark.parametrize(
    "images, names",
    [
        (["a.png", "b.png"], ["a", "b"]),
        (["x/a.png", "y/a.png", "z/a.jpg"], ["a", "a-2", "a-3"]),
        (["x/a.png", "y/a.png", "a-2.png"], ["a", "a-3", "a-2"]),
        (["a-2.png", "x/a.png", "y/a.png", "z/a.png"], ["a-2", "a", "a-3", "a-4"]),
        (["a.png", "a.png"], ["a"]),
    ],
)
def test_no_two_images_have_one_name(images: list[str], names: list[str]) -> None:
    found = _files_in(Path("out"), [Path(image) for image in images])
    stems = [files.stem.name for files in found.values()]
    assert stems == names and len(set(stems)) == len(found)
