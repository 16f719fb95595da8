from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DatasetError
from dashboard.core.images.decoding import decode_image
from dashboard.core.runs.images import run_image
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.run_rows import Row, table_of


def stored_run(root: Path, dataset: Path) -> Run:
    """A run with a row per sample, each predicted cat."""
    store = RunStore(root / "runs")
    samples = open_dataset(dataset).samples
    store.folder("r1").save(
        RunManifest("r1", "2026-01-01T00:00:00", str(dataset), "", "tiny@1", "", ("cat", "dog"), len(samples))
    )
    store.folder("r1").add_part(
        0, table_of([Row(s.index, s.name, s.label, "cat", 0.9, [0.9, 0.1], [1, 0], "ok", "") for s in samples])
    )
    return store.folder("r1").load()


def test_it_is_the_very_file_with_its_label_and_prediction(tmp_path: Path, make_zip: MakeZip) -> None:
    image = run_image(stored_run(tmp_path, make_zip({"cat": 1, "dog": 2})), 2)
    assert (image.name, image.file, image.true_label, image.predicted_label) == ("1.png", "dog/1.png", "dog", "cat")
    assert image.data == encoded(picture(2))


@pytest.mark.parametrize("index", [-1, 3, 10**9])
def test_a_number_that_the_run_does_not_have_is_refused(tmp_path: Path, make_zip: MakeZip, index: int) -> None:
    with pytest.raises(DatasetError, match="no image number"):
        run_image(stored_run(tmp_path, make_zip({"cat": 1, "dog": 2})), index)


def test_another_image_in_its_place_is_refused(tmp_path: Path, make_zip: MakeZip) -> None:
    run = stored_run(tmp_path, make_zip({"cat": 1, "dog": 2}))
    make_zip({"cat": 5, "dog": 2})
    with pytest.raises(DatasetError, match="was changed since"):
        run_image(run, 2)


def test_every_kind_of_dataset_gives_its_images_as_files(tmp_path: Path, make_zip: MakeZip) -> None:
    (tmp_path / "folder" / "cat").mkdir(parents=True)
    (tmp_path / "folder" / "cat" / "0.png").write_bytes(encoded(picture(0)))
    for path in (make_zip({"cat": 1}), tmp_path / "folder"):
        dataset = open_dataset(path)
        assert np.array_equal(decode_image(dataset.file(0)).pixels, dataset.image(0))
