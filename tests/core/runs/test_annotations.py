"""Tags, subsets, notes and verdicts of a run."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.runs.annotations import Annotations, change_annotations, read_annotations
from dashboard.core.runs.filters import as_texts, parse_filter
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from tests.run_rows import manifest, ok, table_of

TAGGER = """
import sys
from pathlib import Path
from dashboard.core.runs.annotations import change_annotations
folder, first = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for i in range(first, first + 50):
    change_annotations(folder, lambda found: found.tagged("seen", [i]))
"""


def test_nothing_is_noted_at_first(tmp_path: Path) -> None:
    assert read_annotations(tmp_path) == Annotations()


def test_tags_are_put_on_and_taken_off() -> None:
    tagged = Annotations().tagged(" unclear ", [7, 3, 7]).tagged("unclear", [5]).tagged("blurred", [3])
    assert tagged.tags == {"unclear": (3, 5, 7), "blurred": (3,)}
    assert tagged.untagged("unclear", [3, 4]).tags == {"unclear": (5, 7), "blurred": (3,)}
    assert tagged.untagged("unclear", [3, 5, 7]).tags == {"blurred": (3,)}, "a tag without images is gone"
    assert tagged.untagged("never", [3]).tags == tagged.tags


def test_subsets_are_filters_under_a_name(tmp_path: Path) -> None:
    conditions = as_texts(parse_filter(["true_label=cat|dog", "confidence<0.7", "note=a=b"]))
    change_annotations(tmp_path, lambda found: found.with_subset("uncertain pets", conditions))
    again = read_annotations(tmp_path)
    assert parse_filter(again.subsets["uncertain pets"]) == parse_filter(conditions)
    assert again.without_subset("uncertain pets").subsets == {} == again.without_subset("uncertain pets").subsets
    assert again.without_subset("another").subsets == again.subsets


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "a|b", "a\x00b", "\u202e"])
def test_names_that_cannot_be_shown_or_filtered_by_are_refused(name: str) -> None:
    for change in (lambda: Annotations().tagged(name, [1]), lambda: Annotations().with_subset(name, [])):
        with pytest.raises(DatasetError) as caught:
            change()
        assert caught.value.code == "bad_name" and caught.value.fix


@pytest.mark.parametrize("name", ["x" * 60, "zu prüfen", "見る", "<b>bold</b>", "a=b & c"])
def test_other_names_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    change_annotations(tmp_path, lambda found: found.tagged(name, [1]))
    assert read_annotations(tmp_path).tags == {name: (1,)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"tags": {"a": ["x"]}}',
        b'{"tags": {"a": [100000000000000000000]}}',
        b'{"verdict": "perhaps"}',
        b'{"subsets": {"a": "b"}}',
    ],
)
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "annotations.json"
    file.write_bytes(content)
    for read in (lambda: read_annotations(tmp_path), lambda: change_annotations(tmp_path, lambda found: found)):
        with pytest.raises(DatasetError, match=r"annotations\.json .* cannot be read .* tags, subsets") as caught:
            read()
        assert caught.value.code == "run_file_damaged" and str(file) in caught.value.fix
    assert file.read_bytes() == content


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_read_for_a_moment_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    change_annotations(tmp_path, lambda found: found.tagged("seen", [1, 2]))

    def fail(path: Path) -> bytes:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", fail)
        for read in (
            lambda: read_annotations(tmp_path),
            lambda: change_annotations(tmp_path, lambda found: found.tagged("new", [5])),
        ):
            with pytest.raises(DatasetError, match=rf"cannot be read \({os.strerror(number)}\)") as caught:
                read()
            assert (
                caught.value.code == "run_file_damaged"
                and "Make " in caught.value.fix
                and str(tmp_path / "annotations.json") in caught.value.fix
            )
    assert read_annotations(tmp_path).tags == {"seen": (1, 2)}
    assert change_annotations(tmp_path, lambda found: found.tagged("new", [5])).tags == {"seen": (1, 2), "new": (5,)}


def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_annotations(tmp_path, lambda found: found.tagged("seen", [1]))

    def fail(path: Path, record: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("dashboard.core.runs.annotations.write_checked_json", fail)
        with pytest.raises(DatasetError, match="No space left on device") as caught:
            change_annotations(tmp_path, lambda found: found.tagged("seen", [2]))
    assert caught.value.code == "storage" and "Free some space" in caught.value.fix
    assert read_annotations(tmp_path).tags == {"seen": (1,)}


def test_a_change_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    change_annotations(tmp_path, lambda found: found.tagged("seen", [1]))
    with pytest.raises(DatasetError):
        change_annotations(tmp_path, lambda found: found.tagged("", [2]))
    assert read_annotations(tmp_path).tags == {"seen": (1,)}
    change_annotations(tmp_path, lambda found: found.tagged("seen", [2]))  # the lock is free
    assert read_annotations(tmp_path).tags == {"seen": (1, 2)}


def test_of_two_processes_that_change_at_once_both_are_heard(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAGGER, str(tmp_path)]
    at_work = [
        subprocess.Popen([*command, str(first)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for first in (0, 1000)
    ]
    for process in at_work:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in at_work:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in at_work:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert read_annotations(tmp_path).tags == {"seen": (*range(50), *range(1000, 1050))}


def test_the_file_is_plain_json_beside_the_rows(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.begin(manifest()).release()
    folder = store.folder(manifest().run_id)
    folder.add_part(0, table_of([ok(0, "cat", "cat"), ok(1, "dog", "cat")]))
    folder.beside.annotate(lambda found: found.tagged("unclear", [1]))
    stored = json.loads((folder.path / "annotations.json").read_text())
    assert len(stored.pop("crc32")) == 8
    assert stored == {"tags": {"unclear": [1]}, "subsets": {}, "note": "", "verdict": ""}
    assert folder.load(VIEW_COLUMNS, parse_filter(["tag=unclear"])).table["index"].tolist() == [1]
    with pytest.raises(DatasetError, match="no evaluation 'gone'") as caught:
        store.folder("gone").beside.annotate(lambda found: found)
    assert caught.value.code == "run_unknown"
