from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError
from dashboard.core.explanations.bulk_maps import BulkMaps, bulk_maps
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.records import MapRequest
from dashboard.core.images.drawing import contact_sheet
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate


@pytest.fixture
def run(tmp_path: Path, pool: WorkerPool, tiny_version: ModelVersion, make_zip: MakeZip) -> Run:
    store = RunStore(tmp_path / "runs")
    return store.folder(evaluate(make_zip({"cat": 20}), tiny_version, pool, store).run_id).load()


def test_maps_of_the_given_rows_in_their_order_with_progress(
    run: Run, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    rows, told = run.evaluated.iloc[::-1], list[int]()
    maps = bulk_maps(explainer, tiny_version, run, rows, MapRequest(), on_progress=told.append)
    assert maps and told == [16, 20] and maps.n_failed == 0 and maps.indices == tuple(rows["index"])
    assert np.array_equal(maps.pictures[0], picture(19)) and maps.heatmaps.shape == (20, 8, 8)
    other = bulk_maps(explainer, tiny_version, run, rows, MapRequest(target="truck"))
    assert other and not np.array_equal(other.heatmaps, maps.heatmaps) and other.verdicts == ()


def test_each_map_is_tested_as_that_of_a_single_image(
    run: Run, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    request = MapRequest(target="cat", faithfulness=True)
    maps = bulk_maps(explainer, tiny_version, run, run.evaluated.head(3), request)
    assert maps
    for seed, verdict in enumerate(maps.verdicts):
        alone = explainer.explain(tiny_version, encoded(picture(seed)), request)
        assert alone.faithfulness and alone.faithfulness.verdict == verdict
    assert len(maps.verdicts) == 3


def test_a_dataset_that_was_changed_is_refused(
    run: Run, explainer: Explainer, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    make_zip({"dog": 20})
    with pytest.raises(DatasetError, match="was changed"):
        bulk_maps(explainer, tiny_version, run, run.evaluated, MapRequest())


def test_pictures_that_were_replaced_under_their_names_are_left_out_and_counted(
    run: Run, explainer: Explainer, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    """Their maps stood beside the labels and the confidence of the evaluated pictures."""
    rows = run.evaluated.head(3)
    make_zip({}, extra={f"cat/{i}.png": encoded(picture(90 if i == 1 else i)) for i in range(20)})
    maps = bulk_maps(explainer, tiny_version, run, rows, MapRequest())
    assert maps and len(maps.indices) == 2 and (maps.n_replaced, maps.n_failed) == (1, 0)
    [left_out] = set(rows["index"]) - {*maps.indices}
    with pytest.raises(DatasetError, match="each of these images is another picture now"):
        bulk_maps(explainer, tiny_version, run, rows[rows["index"] == left_out], MapRequest())
    make_zip({}, extra={f"cat/{i}.png": b"no image" if i == 1 else encoded(picture(i)) for i in range(20)})
    maps = bulk_maps(explainer, tiny_version, run, rows, MapRequest())
    assert maps and (maps.n_replaced, maps.n_failed) == (0, 1)


def test_means_and_sheet() -> None:
    pictures = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (0, 100, 200)])
    heatmaps = np.array([[[0.0]], [[0.5]], [[1.0]]], np.float32)
    maps = BulkMaps(pictures, heatmaps, indices=(0, 1, 2), n_empty=1, n_failed=0, n_replaced=0, verdicts=())
    assert (maps.mean_picture == 100).all() and maps.mean_map.tolist() == [[0.5]]
    sheet = contact_sheet(maps.overlays(0.0, factor=10), columns=2)
    assert sheet.shape == (2 * 20 + 4, 2 * 30 + 4, 3)
    assert (sheet[:20, 34:] == 100).all() and (sheet[24:, :30] == 200).all()
