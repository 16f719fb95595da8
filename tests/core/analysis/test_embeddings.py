from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.analysis.embeddings import RunEmbeddings
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.models.inference import Inference
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore, pool: WorkerPool, tiny_version: ModelVersion, make_zip: MakeZip) -> Run:
    dataset = make_zip({"cat": 3}, extra={"cat/0.png.png": b"no image"})
    return store.folder(evaluate(dataset, tiny_version, pool, store).run_id).load()


def finished(embeddings: RunEmbeddings, run: Run) -> None:
    end = time.monotonic() + 60
    while embeddings.state(run.manifest.run_id).active:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_they_are_computed_once_and_kept_beside_the_run(
    run: Run, store: RunStore, inference: Inference, tiny_version: ModelVersion
) -> None:
    embeddings = RunEmbeddings(inference, store)
    assert embeddings.stored(run) is None
    embeddings.start(run, tiny_version)
    finished(embeddings, run)
    assert embeddings.state(run.manifest.run_id).error is None
    found = RunEmbeddings(inference, store).stored(run)  # a new object, as after a restart
    assert found is not None and found.shape == (3, 8) and found.dtype == np.float32 and np.isfinite(found).all()


def test_a_flipped_bit_is_told_and_the_embeddings_are_made_again(
    run: Run, store: RunStore, inference: Inference, tiny_version: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    embeddings, path = RunEmbeddings(inference, store), store.folder(run.manifest.run_id).path / "embeddings.npy"
    embeddings.start(run, tiny_version)
    finished(embeddings, run)
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:140] + bytes([whole[140] ^ 1]) + whole[141:])
    assert embeddings.stored(run) is None and "embeddings.npy: its checksum does not match" in caplog.text
    embeddings.start(run, tiny_version)
    finished(embeddings, run)
    assert path.read_bytes() == whole and embeddings.stored(run) is not None


def test_embeddings_of_earlier_versions_without_checksums_are_read(
    run: Run, store: RunStore, inference: Inference
) -> None:
    given = np.arange(24, dtype=np.float32).reshape(3, 8)
    np.save(store.folder(run.manifest.run_id).path / "embeddings.npy", given)
    assert np.array_equal(np.asarray(RunEmbeddings(inference, store).stored(run)), given)


def test_what_belongs_to_another_state_of_the_run_is_not_used(run: Run, store: RunStore, inference: Inference) -> None:
    path = store.folder(run.manifest.run_id).path / "embeddings.npy"
    for content in (np.zeros((2, 8), np.float32), np.array([{}], object)):
        np.save(path, content, allow_pickle=True)
        assert RunEmbeddings(inference, store).stored(run) is None


def test_pictures_that_were_replaced_under_their_names_are_refused(
    run: Run, store: RunStore, inference: Inference, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    """What the model sees in them was stored as what it saw in the evaluated pictures."""
    pictures = {f"cat/{i}.png": encoded(picture(90 if i == 2 else i)) for i in range(3)}
    make_zip({}, extra={**pictures, "cat/0.png.png": b"no image"})
    embeddings = RunEmbeddings(inference, store)
    embeddings.start(run, tiny_version)
    finished(embeddings, run)
    error = embeddings.state(run.manifest.run_id).error
    assert error is not None and "cat/2.png is another picture now" in error.message
    assert embeddings.stored(run) is None


def test_why_it_failed_is_told_and_it_can_be_tried_again(
    run: Run, store: RunStore, inference: Inference, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    Path(run.manifest.dataset).unlink()
    embeddings = RunEmbeddings(inference, store)
    embeddings.start(run, tiny_version)
    finished(embeddings, run)
    error = embeddings.state(run.manifest.run_id).error
    assert error is not None and error.code == "not_found" and embeddings.stored(run) is None
    make_zip({"cat": 3}, extra={"cat/0.png.png": b"no image"})
    embeddings.start(run, tiny_version)
    finished(embeddings, run)
    assert embeddings.state(run.manifest.run_id).error is None and embeddings.stored(run) is not None
