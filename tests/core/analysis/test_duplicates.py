from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.analysis import duplicates
from dashboard.core.analysis.duplicates import equal_images
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate
from tests.simulated_runs import Simulated, clean

NAME = "20260101-000000-abc"


@pytest.fixture
def run() -> Simulated:
    """Images 0 and 50 are equal, and 1, 51 and 52."""
    return clean(1, 60).take(np.array([*range(50), 0, 1, 1, *range(53, 60)]))


def groups_of(folder: RunFolder, thumbnails: bool = True, **given: object) -> list[list[int]]:
    groups = equal_images(folder.load(VIEW_COLUMNS), folder.beside.thumbnails() if thumbnails else None, **given)  # type: ignore[arg-type]
    return [group.tolist() for group in groups]


def test_equal_thumbnails_are_groups(run: Simulated, tmp_path: Path) -> None:
    assert groups_of(run.store(tmp_path / NAME)) == [[0, 50], [1, 51, 52]]


def test_without_thumbnails_the_measured_properties_tell(run: Simulated, tmp_path: Path) -> None:
    assert groups_of(run.store(tmp_path / NAME), thumbnails=False) == [[0, 50], [1, 51, 52]]


def test_with_neither_nothing_is_known(run: Simulated, tmp_path: Path) -> None:
    assert groups_of(replace(run, properties={}).store(tmp_path / NAME), thumbnails=False) == []


def test_images_that_are_as_small_but_have_other_file_sizes_are_not_equal(run: Simulated, tmp_path: Path) -> None:
    sizes = run.properties["file_size"].copy()
    sizes[[50, 51]] += 1
    other = replace(run, properties={**run.properties, "file_size": sizes})
    assert groups_of(other.store(tmp_path / NAME)) == [[1, 52]]


def test_images_that_only_look_equal_when_small_are_told_apart_by_their_pixels(run: Simulated, tmp_path: Path) -> None:
    folder = run.store(tmp_path / NAME)
    assert groups_of(folder, pixels=lambda position: b"b" if position == 52 else b"a") == [[0, 50], [1, 51]]
    assert groups_of(folder, pixels=lambda position: None if position == 50 else b"a") == [[0, 50], [1, 51, 52]]


def test_of_very_many_the_pixels_are_not_read(run: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_DECODED", 4)
    assert groups_of(run.store(tmp_path / NAME), pixels=lambda position: str(position).encode()) == [
        [0, 50],
        [1, 51, 52],
    ]


def test_failed_rows_and_rows_outside_of_a_filter_do_not_count(run: Simulated, tmp_path: Path) -> None:
    folder = replace(run, failed=np.arange(60) == 51).store(tmp_path / NAME)
    assert groups_of(folder) == [[0, 50], [1, 52]]
    some = folder.load(VIEW_COLUMNS, parse_filter(["index>=1"]))
    assert [group.tolist() for group in equal_images(some, folder.beside.thumbnails())] == [[1, 52]]


def test_the_images_of_the_dataset_decide(run: Simulated, make_zip: MakeZip, tmp_path: Path) -> None:
    """The same picture as PNG and as BMP is one picture; another is not, though its thumbnail is the same."""
    pictures = {"0.png": encoded(picture(1)), "1.bmp": encoded(picture(1), "BMP"), "2.png": encoded(picture(2))}
    path = make_zip({}, extra={f"cat/{name}": data for name, data in pictures.items()})
    three = replace(run.take(np.zeros(3, int)), properties={})
    folder = three.store(tmp_path / NAME, dataset=str(path))
    assert groups_of(folder) == [[0, 1, 2]]  # names that the dataset does not have
    folder = three.store(tmp_path / "named" / NAME, files=[f"cat/{name}" for name in pictures], dataset=str(path))
    assert groups_of(folder) == [[0, 1]]


def test_pictures_that_were_replaced_under_their_names_tell_nothing(
    tmp_path: Path, pool: WorkerPool, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    """Two equal images counted as different ones, because one of the files now holds another picture."""
    same = encoded(picture(1))
    store = RunStore(tmp_path / "runs")
    files = {"cat/0.png": same, "cat/1.png": same, "cat/2.png": encoded(picture(2))}
    folder = store.folder(evaluate(make_zip({}, extra=files), tiny_version, pool, store).run_id)
    assert groups_of(folder) == [[0, 1]]
    make_zip({}, extra={**files, "cat/1.png": encoded(picture(90))})
    assert groups_of(folder) == [[0, 1]]
