from __future__ import annotations

import json

import pytest

from dashboard.core.files import portable_name
from dashboard.core.labels.label_folders import LabelFolders, free_member


@pytest.mark.parametrize("label", ["a/b", "..", "con: 1", "<img>", "aux", "nul.", "a. "])
def test_a_label_is_no_path(label: str) -> None:
    member = free_member(label, "x/../1.png", 0, set())
    assert member.count("/") == 1 and ".." not in member and not {*member} & {*'<>:"\\|?*'}
    folder = member.partition("/")[0]
    assert folder == portable_name(folder)


def test_a_name_in_a_zip_is_free_on_every_system() -> None:
    taken: set[str] = set()
    made = [
        free_member(label, file, 2, taken)
        for label, file in (
            ("cat", "a/1.png"), ("cat", "b/1-2.PNG"), ("cat", "c/1.png"), ("CAT", "1.png"), ("cat", "\u00e4.png"),
            ("cat", "a\u0308.png"), ("cat", ""), ("cat", "image"),
        )
    ]  # fmt: skip
    assert made == [
        "cat/1.png", "cat/1-2.PNG", "cat/1-3.png", "CAT/1-4.png", "cat/\u00e4.png", "cat/a\u0308-2.png", "cat/image.png",
        "cat/image-2.png",
    ]  # fmt: skip


def test_labels_never_share_a_folder_and_are_told_where_it_has_another_name() -> None:
    folders = LabelFolders()
    assert folders.member("cat", "x/1.png", 0) == "cat/1.png" and folders.member(None, "2.png", 1) == "no label/2.png"
    assert folders.labels is None, "every folder is called like its label"
    labels = ("a/b", "a:b", "Cat", "cat", "no label")
    members = [folders.member(label, "1.png", i) for i, label in enumerate(labels, 2)]
    assert members == ["a_b/1.png", "a_b-2/1.png", "Cat-2/1.png", "cat/1-5.png", "no label-2/1.png"]
    assert json.loads(folders.labels or "") == {
        "cat/1.png": "cat", "no label/2.png": None, **dict(zip(members, labels, strict=True)),
    }  # fmt: skip


def test_a_long_name_in_a_zip_is_cut_to_what_every_system_can_unpack() -> None:
    taken: set[str] = set()
    names = [free_member("cat", "\u00e4" * 300 + ".jpeg", i, taken).partition("/")[2] for i in range(2)]
    assert names[0] != names[1] and all(len(name.encode()) < 255 and name.endswith(".jpeg") for name in names)
