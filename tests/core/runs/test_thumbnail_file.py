from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.images.thumbnails import make_thumbnail, thumbnail_shape
from dashboard.core.runs.store import RunStore
from dashboard.core.runs.thumbnail_file import ThumbnailFile
from tests.conftest import picture


@pytest.mark.parametrize(
    "height, width, shape", [(32, 32, (32, 32)), (64, 48, (64, 48)), (224, 224, (64, 64)), (100, 200, (32, 64)), (1, 4096, (1, 64))]
)  # fmt: skip
def test_thumbnails_are_the_model_input_or_a_reduced_copy(height: int, width: int, shape: tuple[int, int]) -> None:
    recipe = Preprocessing(height, width)
    image = picture(1, width, height)
    made = make_thumbnail(image, recipe)
    assert thumbnail_shape(recipe) == shape == made.shape[:2] and made.dtype == np.uint8
    assert np.array_equal(made, image) == (shape == (height, width))
    assert abs(made.mean() - image.mean()) < 2


def test_they_are_written_in_any_order_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "thumbnails.npy"
    images = np.stack([picture(seed, 6, 4) for seed in range(9)])
    ThumbnailFile(path, 9, (4, 6)).write(np.array([4, 5, 8]), images[[4, 5, 8]])
    again = ThumbnailFile(path, 9, (4, 6))
    again.write(np.array([0, 2]), images[[0, 2]])
    again.write(np.array([], np.int64), images[:0])
    found = np.load(path)
    assert np.array_equal(found[[0, 2, 4, 5, 8]], images[[0, 2, 4, 5, 8]])
    assert found.shape == (9, 4, 6, 3) and not found[[1, 3, 6, 7]].any()


def test_a_run_of_too_many_large_pictures_keeps_none(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert (
        store.folder("run").beside.keep_thumbnails(10**6, (64, 64)) is None
        and store.folder("run").beside.thumbnails() is None
    )
