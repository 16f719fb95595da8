"""Attributes and measured properties from the dataset to a filter of the finished run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.chunk_rows import chunk_rows
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.opening import OpenRun, begin_run, take_up_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.images.properties import NAMES, properties_of
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.prediction import ChunkAnswers, Failure
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate
from tests.run_rows import manifest
from tests.worker.hostile_worker import KILLER

IMAGES = {f"{i}.png": encoded(picture(i, 16 + i, 16)) for i in range(6)}
RECORDS = [
    {"file_name": name, "label": ("cat", "dog")[i % 2], "camera": ("left", "right")[i // 3], "age": 10 * i, "width": i}
    for i, name in enumerate(IMAGES)
]


def zip_beside_csv(make_zip: MakeZip, folder: Path) -> Path:
    pd.DataFrame(RECORDS).to_csv(folder / "truth.csv", index=False)
    return describe(make_zip({}, extra=IMAGES), Choices(labels=str(folder / "truth.csv")), folder / "described")


def metadata_csv(make_zip: MakeZip, folder: Path) -> Path:
    for name, data in IMAGES.items():
        (folder / "set").mkdir(exist_ok=True)
        (folder / "set" / name).write_bytes(data)
    pd.DataFrame(RECORDS).to_csv(folder / "set" / "metadata.csv", index=False)
    return folder / "set"


def metadata_jsonl(make_zip: MakeZip, folder: Path) -> Path:
    return make_zip({}, extra={**IMAGES, "metadata.jsonl": "\n".join(map(json.dumps, RECORDS)).encode()})


def parquet(make_zip: MakeZip, folder: Path) -> Path:
    rows = [
        {"image": {"bytes": IMAGES[record["file_name"]], "path": record["file_name"]}, **record} for record in RECORDS
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return folder / "rows.parquet"


@pytest.mark.parametrize("dataset", [zip_beside_csv, metadata_csv, metadata_jsonl, parquet])
def test_images_can_be_filtered_by_every_column_of_their_table(
    dataset: Callable[[MakeZip, Path], Path],
    fast: WorkerPool,
    tiny_version: ModelVersion,
    store: RunStore,
    make_zip: MakeZip,
    tmp_path: Path,
) -> None:
    run_id = evaluate(dataset(make_zip, tmp_path), tiny_version, fast, store, 2).run_id

    def files(*conditions: str) -> list[str]:
        found: list[str] = store.folder(run_id).load(["file"], parse_filter(conditions)).table["file"].tolist()
        return [Path(file).name for file in found]

    assert files("camera=left") == ["0.png", "1.png", "2.png"]
    assert files("age<30", "camera=left") == files("age<30") == ["0.png", "1.png", "2.png"]
    assert files("age>=20", "age<=40", "camera~RIGHT") == ["3.png", "4.png"]
    assert files("width>19") == ["4.png", "5.png"], "measured on the image"
    assert files("width (dataset)>4") == ["5.png"], "what the table says"
    assert files("height=16", "aspect<=1") == ["0.png"]
    assert files(f"file_size={len(IMAGES['3.png'])}", "brightness>0", "sharpness>0", "colourfulness>0") == ["3.png"]


def test_properties_are_those_of_the_images_and_unknown_for_failed_ones(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    """The image that kills its worker lets its chunk be halved; the pieces fit together again."""
    killer = np.full((8, 8, 3), KILLER, np.uint8)
    extra = {"cat/cut.png": encoded(picture(1))[:200], "cat/killer.png": encoded(killer)}
    path = make_zip({"cat": 3, "dog": 3}, extra=extra)
    run = store.folder(evaluate(path, tiny_version, fast, store, 4).run_id).load(["index", "file", "status", *NAMES])
    assert set(run.failed["file"]) == set(extra) and run.failed[[*NAMES]].isna().all(axis=None)
    dataset = open_dataset(path)
    wanted = [properties_of(dataset.decoded(index)) for index in run.evaluated["index"]]
    assert np.allclose(run.evaluated[[*NAMES]].to_numpy(np.float64), np.array(wanted), rtol=1e-6)
    assert len(wanted) == 6


def test_a_run_that_goes_on_keeps_its_attributes(
    fast: WorkerPool, tiny_version: ModelVersion, tiny_registry: Registry, store: RunStore, make_zip: MakeZip
) -> None:
    path = metadata_jsonl(make_zip, Path())
    begin_run(plan_run(path, tiny_version), store, 2, "run").owner.release()
    taken_up = take_up_run("run", store, tiny_registry)
    assert isinstance(taken_up, OpenRun)
    go_on(taken_up, fast, 20, lambda _: None)
    found = store.folder("run").load(["file"], parse_filter(["camera=right", "age>40"]))
    assert found.table["file"].tolist() == ["5.png"]


def test_columns_that_are_left_out_are_noted_with_the_run(
    tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    lines = "\n".join(json.dumps({**record, "boxes": [1, 2]}) for record in RECORDS)
    begun = begin_run(
        plan_run(make_zip({}, extra={**IMAGES, "metadata.jsonl": lines.encode()}), tiny_version), store, 2, "run"
    )
    begun.owner.release()
    assert begun.manifest.notes[-1] == (
        "Columns of metadata.jsonl that images cannot be filtered by: boxes (lists or objects)."
    )


def test_images_that_show_none_of_the_classes_are_found_by_a_condition(
    fast: WorkerPool, tiny_version: ModelVersion, store: RunStore, make_zip: MakeZip
) -> None:
    path = make_zip({"cat": 3, "dog": 3}, extra={"cat/cut.png": encoded(picture(1))[:200]})
    plain = store.folder(evaluate(path, tiny_version, fast, store).run_id)
    with pytest.raises(DatasetError, match="not known which images of this evaluation probably show none"):
        plain.load(["file"], parse_filter(["doubt=yes"]))
    assert plain.manifest().familiarity_kept is None
    for least_confidence, doubted in ((0.0, 0), (1.1, 6)):
        version = replace(tiny_version, familiarity=Familiarity(0.95, 0.0, least_confidence, "msp"))
        folder = store.folder(evaluate(path, version, fast, store).run_id)
        counts = [len(folder.load(["index"], parse_filter([each])).table) for each in ("doubt=yes", "doubt=no")]
        assert counts == [doubted, 6 - doubted] and folder.manifest().familiarity_kept == 0.95


def test_only_rows_with_a_prediction_are_doubted_or_not(make_zip: MakeZip) -> None:
    samples, meaning = list(open_dataset(make_zip({"cat": 3})).samples), manifest(label_map=(("cat", "cat"),))
    probs = np.array([[0.75, 0.25], [0.5, 0.5]])
    answers = ChunkAnswers(np.array([0, 2]), np.log(probs), probs, {1: Failure("empty", "a")})
    known = Familiarity(0.95, 0.0, 0.6, "msp")
    assert chunk_rows(samples, answers, meaning, known)["doubt"].to_pylist() == [False, None, True]
    assert chunk_rows(samples, answers, meaning)["doubt"].to_pylist() == [None, None, None]


def test_the_reason_of_a_row_has_no_marks_of_code(make_zip: MakeZip) -> None:
    samples, meaning = list(open_dataset(make_zip({"cat": 1})).samples), manifest(label_map=(("cat", "cat"),))
    answers = ChunkAnswers(
        np.array([], int),
        np.empty((0, 2)),
        np.empty((0, 2)),
        {0: Failure("zip_method", "Not supported.", "Unpack it with `7z`.")},
    )
    assert chunk_rows(samples, answers, meaning)["reason"].to_pylist() == ["Not supported. Unpack it with 7z."]


def test_rows_without_measured_properties_have_nulls(make_zip: MakeZip) -> None:
    samples, meaning = list(open_dataset(make_zip({"cat": 3})).samples), manifest(label_map=(("cat", "cat"),))
    probs = np.array([[0.75, 0.25]])
    answers = ChunkAnswers(np.array([1]), np.log(probs), probs, {0: Failure("empty", "a"), 2: Failure("empty", "b")})
    table = chunk_rows(samples, answers, meaning)
    assert all(table[name].to_pylist() == [None, None, None] for name in NAMES)
    properties = np.array([[640, 480, np.nan, 0.5, 0.25, 100, 30]])
    table = chunk_rows(samples, ChunkAnswers(*list(vars(answers).values())[:4], properties=properties), meaning)
    assert [table[name].to_pylist() for name in NAMES] == [
        [None, value, None] for value in (640, 480, None, 0.5, 0.25, 100, 30)
    ]
