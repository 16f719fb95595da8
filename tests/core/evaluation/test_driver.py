"""Complete evaluations: with the tiny Keras model, with the model in models/, and with workers that die."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError, ModelError, WorkerError
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.opening import OpenRun, begin_run, take_up_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.work import Progress
from dashboard.core.labels.class_names import LEAVE_OUT, OTHERS
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.conftest import ROOT, MakeZip, encoded, picture
from tests.evaluating import evaluate
from tests.worker.hostile_worker import EVALUATING, HANGER, KILLER


@pytest.fixture(scope="module")
def fast() -> Iterator[WorkerPool]:
    """A pool of workers without TensorFlow. Their answer is the brightness of the image."""
    pool = WorkerPool(2, task_s=20, command=EVALUATING, stagger_s=0)
    yield pool
    pool.close()


def rows(run: Run) -> dict[str, str]:
    return dict(zip(run.table["file"], run.table["status"], strict=True))


def test_accepted_and_rejected_are_what_was_given(
    pool: WorkerPool, inference: Inference, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    good = encoded(picture(5))
    extra = {
        "cat/empty.png": b"", "cat/cut.png": good[: len(good) // 2], "dog/notes.txt": b"hello",
        "zebra/1.png": good, "zebra/2.png": good, "top.png": good,
    }  # fmt: skip
    path = make_zip({"cat": 5, "Plane": 4}, extra=extra)
    seen: list[Progress] = []
    with pytest.raises(DatasetError, match=r"1 label is not a class of tiny@1: zebra \(2 images\); together 2 of 13"):
        evaluate(path, tiny_version, pool, store)
    meant = {OTHERS: LEAVE_OUT}
    manifest = evaluate(path, tiny_version, pool, store, 4, on_progress=seen.append, label_map=meant)
    run = store.folder(manifest.run_id).load()
    assert manifest.state == "finished" and manifest.n_images == len(run.table) == 14  # notes.txt is ignored
    assert manifest.left_out == {"zebra"} and manifest.model == "tiny@1" and manifest.seconds > 0
    assert run.table["index"].tolist() == list(range(14))
    assert len(run.evaluated) == 10 and len(run.failed) == 4
    reasons = dict(zip(run.failed["file"], run.failed["reason"], strict=True))
    assert "empty" in reasons["cat/empty.png"] and "cut off" in reasons["cat/cut.png"]
    assert "'zebra' was left out" in reasons["zebra/1.png"]
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].failed) == (14, 14, 4)

    evaluation = run.evaluation()
    assert evaluation is not None and evaluation.accuracy.n == 9  # top.png has no label
    assert evaluation.confusion.sum(axis=1).tolist() == [4, 0, 0, 5, 0, 0, 0, 0, 0, 0]

    dataset = open_dataset(path)
    answers = inference.predict(tiny_version, [encoded(dataset.image(i)) for i in run.evaluated["index"]])
    for (_, row), answer in zip(run.evaluated.iterrows(), answers, strict=True):
        assert row["predicted_label"] == tiny_version.class_names[answer.class_id]
        assert row["confidence"] == pytest.approx(answer.confidence, abs=1e-6)
        assert np.allclose(row["pred_probs"], answer.pred_probs, atol=1e-6)
        assert sum(row["pred_probs"]) == pytest.approx(1)


def test_the_size_of_the_chunks_does_not_matter(
    pool: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 7, "dog": 6})
    tables = [store.folder(evaluate(path, tiny_version, pool, store, size).run_id).load().table for size in (1, 5, 128)]
    for table in tables[1:]:
        assert table["predicted_label"].equals(tables[0]["predicted_label"])
        assert np.allclose(table["confidence"], tables[0]["confidence"], atol=1e-6)


def test_folders_that_are_no_classes_at_all(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    names = {f"class{i:02}": 1 for i in range(12)}
    with pytest.raises(DatasetError, match=r"class00, class01.*and 4 more") as caught:
        evaluate(make_zip(names), tiny_version, fast, store)
    assert caught.value.code == "labels_unknown" and "airplane" in caught.value.fix
    assert store.list() == []


def test_labels_in_the_names_of_files_are_offered(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip, tmp_path: Path
) -> None:
    names = ("train/cat.0.png", "train/cat.1.png", "train/dog.0.png", "train/dog.1.png")
    path = make_zip({}, extra={name: encoded(picture(i)) for i, name in enumerate(names)})
    with pytest.raises(DatasetError) as caught:
        evaluate(path, tiny_version, fast, store)
    assert caught.value.fix.startswith(
        "To take the beginnings of the file names: cat (2 images), dog (2 images), choose --labels file-names. "
    )
    described = describe(path, Choices(labels="file-names"), tmp_path)
    run = store.folder(evaluate(described, tiny_version, fast, store).run_id).load()
    assert run.table["true_label"].tolist() == ["cat", "cat", "dog", "dog"]


def test_images_without_labels_are_predicted(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    path = make_zip({}, extra={f"{i}.png": encoded(picture(i)) for i in range(3)})
    run = store.folder(evaluate(path, tiny_version, fast, store).run_id).load()
    assert run.evaluation() is None and len(run.evaluated) == 3


def test_a_model_that_cannot_be_used_leaves_no_run(
    pool: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    with pytest.raises(ModelError, match="checksum"):
        evaluate(make_zip(), replace(tiny_version, sha256="0" * 64), pool, store)
    assert store.list() == []


def test_a_run_stops_when_another_process_asks_for_it(
    fast: WorkerPool, store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    run = begin_run(plan_run(make_zip({"cat": 60}), tiny_version), store, 5, "run")
    with pytest.raises(KeyboardInterrupt):
        go_on(run, fast, 20, lambda progress: store.folder("run").ask_to_stop())
    stopped = store.folder("run").load()
    assert stopped.state == "cancelled" and 0 < len(stopped.table) < 60


def test_cancel_keeps_what_is_done(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    def stop_soon(progress: Progress) -> None:
        if progress.done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(make_zip({"cat": 200}), tiny_version, fast, store, 10, on_progress=stop_soon)
    [manifest] = store.list()
    run = store.folder(manifest.run_id).load()
    assert manifest.state == run.state == "cancelled"
    assert 20 <= len(run.table) < 200 and len(run.evaluated) == len(run.table)
    assert fast.submit("add", 1, 2).result(timeout=5) == 3  # the waiting chunks were cancelled


def test_an_image_that_kills_its_worker_fails_alone(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    killer = encoded(np.full((8, 8, 3), KILLER, np.uint8))
    path = make_zip({"cat": 9, "dog": 6}, extra={"cat/killer.png": killer})
    run = store.folder(evaluate(path, tiny_version, fast, store, chunk_size=16).run_id).load()
    assert [name for name, status in rows(run).items() if status == "failed"] == ["cat/killer.png"]
    assert "SIGKILL" in run.failed["reason"].iloc[0] and run.failed["true_label"].iloc[0] == "cat"
    assert len(run.evaluated) == 15 and run.manifest.state == "finished"


def test_an_image_that_hangs_its_worker_fails_alone(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    hanger = encoded(np.full((8, 8, 3), HANGER, np.uint8))
    path = make_zip({"cat": 20}, extra={"cat/hanger.png": hanger})
    run = store.folder(evaluate(path, tiny_version, fast, store, chunk_size=8, chunk_s=1.0).run_id).load()
    assert [name for name, status in rows(run).items() if status == "failed"] == ["cat/hanger.png"]
    assert "did not answer within 1 s" in run.failed["reason"].iloc[0]
    assert len(run.evaluated) == 20 and run.table["index"].is_unique


def test_when_every_image_ends_its_worker_the_run_fails_soon(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    """The cause is then not an image, but for example a model that crashes at loading, or too little memory."""
    killer = encoded(np.full((8, 8, 3), KILLER, np.uint8))
    path = make_zip({}, extra={f"cat/{i}.png": killer for i in range(200)})
    before = sum(worker.restarts for worker in fast.workers())
    with pytest.raises(WorkerError, match="SIGKILL"):
        evaluate(path, tiny_version, fast, store, chunk_size=4)
    assert sum(worker.restarts for worker in fast.workers()) - before < 50
    assert store.list() == []


def test_a_model_that_crashes_when_it_is_loaded_fails_the_run_without_blame_for_an_image(
    tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    program = (
        "import os, sys\n"
        "from dashboard.worker.serving import serve\n"
        "serve(int(sys.argv[1]), {}, lambda: None, lambda task, args: os.abort())\n"
    )
    pool = WorkerPool(1, command=(sys.executable, "-c", program))
    try:
        with pytest.raises(WorkerError, match="SIGABRT") as caught:
            evaluate(make_zip({"cat": 50}), tiny_version, pool, store, chunk_size=5)
        assert caught.value.code == "worker_lost" and pool.workers()[0].restarts < 10
    finally:
        pool.close()
    assert store.list()[0].state == "failed"


def test_one_image_that_hangs_leaves_the_other_chunks_as_large_as_they_were(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, hanger = encoded(picture(1)), encoded(np.full((8, 8, 3), HANGER, np.uint8))
    path = make_zip({}, extra={f"cat/{i}.png": hanger if i == 40 else good for i in range(100)})
    sizes: list[int] = []
    submit = fast.submit

    def record(task: str, *args: Any, **kwargs: Any) -> Any:
        if task == "predict_samples":
            sizes.append(len(args[2]))
        return submit(task, *args, **kwargs)

    monkeypatch.setattr(fast, "submit", record)
    run = store.folder(evaluate(path, tiny_version, fast, store, chunk_size=10, chunk_s=1.0).run_id).load()
    assert run.failed["file"].tolist() == ["cat/40.png"] and len(run.evaluated) == 99
    assert sizes.count(10) == 10 and min(sizes) == 1, sizes


def test_an_engine_whose_workers_cannot_start_fails_the_run_instead_of_every_image(
    tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    broken = WorkerPool(1, command=("/bin/false",))
    try:
        with pytest.raises(WorkerError, match="exited with code 1"):
            evaluate(make_zip({"cat": 50}), tiny_version, broken, store, chunk_size=5)
    finally:
        broken.close()
    [manifest] = store.list()
    assert manifest.state == "failed" and "exited with code 1" in manifest.message


def test_a_pool_that_is_closed_ends_the_run(tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip) -> None:
    pool = WorkerPool(1, command=EVALUATING)
    closing = threading.Thread(target=pool.close)

    def close(progress: Progress) -> None:
        if not closing.ident:
            closing.start()

    with pytest.raises((WorkerError, Exception)):
        evaluate(make_zip({"cat": 100}), tiny_version, pool, store, 5, on_progress=close)
    closing.join()
    [manifest] = store.list()
    assert manifest.state == "failed" and len(store.folder(manifest.run_id).load().table) >= 5


def test_a_run_whose_folder_vanishes_is_an_error_with_its_cause(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    def replace_folder_by_file(progress: Progress) -> None:
        [folder] = store.root.iterdir()
        shutil.rmtree(folder)
        folder.write_text("in the way")

    with pytest.raises(DatasetError, match="has vanished while it was written") as caught:
        evaluate(make_zip({"cat": 30}), tiny_version, fast, store, 10, on_progress=replace_folder_by_file)
    assert caught.value.code == "run_vanished"


def test_a_dataset_that_changes_meanwhile_is_noticed(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, tmp_path: Path
) -> None:
    folder = tmp_path / "pets"
    for i in range(60):
        path = folder / ("cat" if i % 2 else "dog") / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(i)))

    def add_one_in_front(progress: Progress) -> None:
        (folder / "cat" / "000.png").write_bytes(encoded(picture(99)))

    with pytest.raises(DatasetError, match="was changed") as caught:
        evaluate(folder, tiny_version, fast, store, 5, on_progress=add_one_in_front)
    assert caught.value.code == "dataset_changed"
    run = store.folder(evaluate(folder, tiny_version, fast, store, 5).run_id).load()
    assert len(run.evaluated) == 61
    for _, row in run.table.iterrows():
        assert row["true_label"] == Path(row["file"]).parent.name


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_other_images_under_the_same_names_are_noticed(
    fast: WorkerPool,
    tiny_registry: Registry,
    tiny_version: ModelVersion,
    store: RunStore,
    tmp_path: Path,
    make_zip: MakeZip,
    kind: str,
) -> None:
    path = make_zip({"cat": 30, "dog": 30})
    if kind == "folder":
        shutil.unpack_archive(path, tmp_path / "pets")
        path = tmp_path / "pets"

    def exchange(progress: Progress) -> None:
        if progress.done < 60:
            return
        if kind == "folder":
            (path / "cat" / "0.png").write_bytes(encoded(picture(99)))
        else:
            names = [f"{label}/{i}.png" for label in ("cat", "dog") for i in range(30)]
            make_zip({}, extra={name: encoded(picture(99)) for name in names}, name=path.name)

    with pytest.raises(DatasetError, match="was changed while") as caught:
        evaluate(path, tiny_version, fast, store, 5, on_progress=exchange)
    assert caught.value.code == "dataset_changed"
    [manifest] = store.list()
    assert manifest.state == "failed" and "was changed" in manifest.message
    with pytest.raises(DatasetError, match="was changed") as caught:  # never resumed: its rows are from two datasets
        take_up_run(manifest.run_id, store, tiny_registry)
    assert caught.value.code == "dataset_changed"
    assert evaluate(path, tiny_version, fast, store, 5).state == "finished"


def test_images_whose_pixels_were_made_in_a_special_way_are_counted(
    pool: WorkerPool, tiny_version: ModelVersion, tiny_registry: Registry, store: RunStore, make_zip: MakeZip
) -> None:
    frames = [Image.fromarray(picture(seed)) for seed in (1, 2)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    path = make_zip({"cat": 5}, extra={f"dog/{i}.gif": moving for i in range(4)})
    told = "images: Only the first frame is used."
    for size in (2, 128):
        assert f"4 {told}" in evaluate(path, tiny_version, pool, store, size).notes

    def interrupt(progress: Progress) -> None:
        if progress.done >= 7:
            raise KeyboardInterrupt

    run = begin_run(plan_run(path, tiny_version), store, 1, "20260101-000000-0000abcd")
    with pytest.raises(KeyboardInterrupt):
        go_on(run, pool, 60, interrupt)
    resumed = take_up_run(run.manifest.run_id, store, tiny_registry)
    assert isinstance(resumed, OpenRun)
    assert f"4 {told}" in go_on(resumed, pool, 60, lambda progress: None).notes
    resumed.folder.finish(resumed.manifest, "cancelled", 1)  # as if it ended once its rows were packed into one file
    again = take_up_run(run.manifest.run_id, store, tiny_registry)
    assert isinstance(again, OpenRun) and again.folder.rows.is_packed()
    assert f"4 {told}" in go_on(again, pool, 60, lambda progress: None).notes


@pytest.fixture(scope="module")
def shared_zip_run(shared_dir: Path, pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Run:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    version = replace(Registry(ROOT / "models").active(), bfloat16=False)  # the Keras reference computes in float32
    manifest = evaluate(shared_dir / "cifar10" / "cifar10-test-2000.zip", version, pool, store)
    return store.folder(manifest.run_id).load()


def test_the_model_in_models_agrees_with_keras_and_scikit_learn(shared_zip_run: Run, shared_dir: Path) -> None:
    import keras
    from PIL import Image
    from sklearn.metrics import confusion_matrix, f1_score

    folder = Registry(ROOT / "models").active().folder
    record = json.loads((folder / "model.json").read_text())
    with zipfile.ZipFile(shared_dir / "cifar10" / "cifar10-test-2000.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".png")]
        images = np.stack([np.asarray(Image.open(archive.open(n)).convert("RGB")) for n in names])
    p = record["preprocessing"]
    x = (images.astype(np.float32) * p["scale"] - p["mean"]) / p["std"]
    logits = keras.saving.load_model(folder / "model.keras", compile=False).predict(x, batch_size=250, verbose=0)
    probs = keras.ops.convert_to_numpy(keras.ops.softmax(logits / record["temperature"]))
    predicted = [record["class_names"][i] for i in probs.argmax(1)]
    true = [Path(n).parent.name for n in names]

    table = shared_zip_run.table.set_index("file").loc[names]
    assert len(shared_zip_run.table) == 2000 and len(shared_zip_run.failed) == 0
    assert table["predicted_label"].tolist() == predicted
    assert np.abs(np.stack(table["pred_probs"]) - probs).max() < 1e-4
    assert np.abs(np.stack(table["logits"]) - logits).max() < 1e-3
    evaluation = shared_zip_run.evaluation()
    assert evaluation is not None
    assert np.array_equal(evaluation.confusion, confusion_matrix(true, predicted, labels=record["class_names"]))
    assert evaluation.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro"))
    assert evaluation.accuracy.value == np.mean(np.array(true) == predicted)


def test_the_model_in_models_does_what_its_record_says(shared_zip_run: Run) -> None:
    from dashboard.core.metrics.calibration import expected_calibration_error

    metrics = Registry(ROOT / "models").active().metrics
    record = metrics.get("seen", metrics)  # the 2,000 images that are here
    evaluation = shared_zip_run.evaluation()
    assert evaluation is not None and evaluation.accuracy.value == pytest.approx(record["accuracy"], abs=0.002)
    names = list(shared_zip_run.manifest.class_names)
    labels = np.array([names.index(n) for n in shared_zip_run.table["true_label"]])
    ece = expected_calibration_error(np.stack(shared_zip_run.table["pred_probs"]), labels)
    assert ece == pytest.approx(record["ece15"], abs=0.003)
