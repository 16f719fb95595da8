"""How quickly a run of a million rows is opened and explored: `python -m tests.benchmarks.million_rows [ROWS]`.

Prints seconds, and beside them how often one could have read the run's Parquet file as a whole in the same time. The page
is run as in its tests, without a browser.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from streamlit.testing.v1 import AppTest

from dashboard.core.analysis.comparison import compare
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.evaluation.measuring import measure
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import PROPERTY_FIELDS, SCHEMA, VIEW_COLUMNS
from dashboard.core.runs.run import Run, ordered
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from dashboard.core.shell import ROOT
from dashboard.services import Services, services_of
from tests.worker.hostile_worker import EVALUATING

PART = 16_384
OPEN_S, CLICK_S, FILTER_S, COMPARE_S = 2.0, 1.0, 0.5, 4.0  # the most it may take
FILTERS = (
    "true_label=cat", "true_label!=cat|dog", "correct=no", "confidence<0.7", "margin<0.2", "loss>2", "true_rank=2",
    "file~0012", "file=cat/0000012.png", "status=failed", "true_label=", "tag=odd", "tag!=odd", "brightness<0.3",
    "aspect>1", "camera=left", "age<30", "remark~visit 12", "smoker=yes", "dose>=0.5",
)  # fmt: skip
T = TypeVar("T")


def made_up_attributes(n: int) -> pa.Table:
    rng = np.random.default_rng(2)
    return pa.table({
        "camera": rng.choice(["left", "right", "top"], n), "age": rng.integers(0, 99, n), "dose": rng.random(n),
        "smoker": rng.random(n) < 0.5, "remark": [f"visit {i}" for i in range(n)],
    })  # fmt: skip


def made_up_rows(first: int, n: int, rng: np.random.Generator) -> pa.Table:
    """Rows of a classifier that is right for nine images of ten; one file in a thousand could not be read."""
    k = len(CLASS_NAMES)
    true = rng.integers(0, k, n)
    logits = rng.normal(0, 1, (n, k)).astype(np.float32)
    logits[np.arange(n), np.where(rng.random(n) < 0.9, true, rng.integers(0, k, n))] += 6
    probs = np.exp(logits.astype(np.float64))
    probs /= probs.sum(axis=1, keepdims=True)
    failed = rng.random(n) < 0.001
    names = np.array(CLASS_NAMES, object)
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * k)
    columns = [
        pa.array(np.arange(first, first + n)),
        pa.array([f"{CLASS_NAMES[t]}/{first + i:07d}.png" for i, t in enumerate(true)]),
        pa.array(names[true]),
        pa.array(names[probs.argmax(axis=1)], mask=failed),
        pa.array(probs.max(axis=1), mask=failed),
        pa.ListArray.from_arrays(offsets, pa.array(probs.ravel()), mask=pa.array(failed)),
        pa.ListArray.from_arrays(offsets, pa.array(logits.ravel()), mask=pa.array(failed)),
        pa.array(np.where(failed, "failed", "ok")),
        pa.array(np.where(failed, "The file is empty.", "")),
    ]
    properties = [pa.array(rng.random(n) * 100, mask=failed).cast(f.type, safe=False) for f in PROPERTY_FIELDS]
    return pa.Table.from_arrays([*columns, *properties], schema=pa.schema([*SCHEMA, *PROPERTY_FIELDS]))


def make_run(store: RunStore, rows: int) -> RunManifest:
    manifest = RunManifest(
        "million", "2026-01-01T00:00:00+00:00", "", "", "made-up@1", "", CLASS_NAMES, rows, chunk_size=PART
    )
    store.begin(manifest, made_up_attributes(rows)).release()
    rng = np.random.default_rng(1)
    for part, first in enumerate(range(0, rows, PART)):
        store.folder("million").add_part(part, made_up_rows(first, min(PART, rows - first), rng))
    store.folder("million").beside.keep_thumbnails(rows, (8, 8))
    store.folder("million").beside.annotate(lambda found: found.tagged("odd", range(1, rows, 20)))
    measure(store.folder("million"))
    return store.folder("million").finish(manifest, "finished", 1000.0)


def timed(
    what: str, call: Callable[[], T], plain_s: float | None = None, most_s: float | None = None
) -> tuple[T, float]:
    """Runs it and prints how long it took."""
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    ratio = f"{seconds / plain_s:6.2f} x reading it all" if plain_s else ""
    verdict = "" if most_s is None else f"  (at most {most_s} s{'' if seconds < most_s else ': MISSED'})"
    print(f"{what:44s} {seconds:7.3f} s  {ratio}{verdict}", flush=True)
    return result, seconds


def filtered(store: RunStore, *conditions: str) -> Run:
    return store.folder("million").load(VIEW_COLUMNS, parse_filter(conditions))


def services(folder: Path, store: RunStore) -> Services:
    """Those of the page, over workers that have nothing to do."""
    settings = Settings(data_dir=folder)
    pool = WorkerPool(1, command=EVALUATING)
    return services_of(settings, pool)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder) / "runs")
        timed(f"Making a run of {rows:,} rows", lambda: make_run(store, rows))
        file = store.root / "million" / "rows.parquet"
        print(f"{file.stat().st_size / 2**20:,.0f} MiB")
        _, plain = timed("Reading its Parquet file as a whole", lambda: pq.read_table(file))
        run, _ = timed("Opening the run", lambda: store.folder("million").load(VIEW_COLUMNS), plain)
        again = replace(run, manifest=replace(run.manifest, run_id="again"))
        cell = (f"true_label={CLASS_NAMES[3]}", f"predicted_label={CLASS_NAMES[5]}")
        timed("Comparison, matched by file name", lambda: compare(run, again), plain, COMPARE_S)
        timed("All metrics with their intervals", lambda: run.scores, plain)
        timed("The surest mistakes", lambda: ordered(filtered(store, "correct=no"), "most confident"), plain)
        for condition in FILTERS:
            timed(f"Filter {condition}", partial(filtered, store, condition), plain, FILTER_S)
        timed(
            "Filter camera=left, age<30, correct=no",
            partial(filtered, store, "camera=left", "age<30", "correct=no"),
            plain,
            FILTER_S,
        )
        offered = services(Path(folder), store)
        with mock.patch("dashboard.ui.resources.get_services", lambda: offered):
            at = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60).run()
            at.switch_page(str(ROOT / "pages" / "evaluate.py")).run()  # what is imported once a server
            at.session_state["run_id"] = "million"
            timed("The page, opened", at.run, plain, OPEN_S)
            at.query_params["show"] = list(cell)
            timed("The page, a cell clicked", at.run, plain, CLICK_S)
            at.query_params["show"] = ["status=ok"]
            timed("The page, all images", at.run, plain, CLICK_S)
            at.session_state["page-million-status=ok"] = 1000
            timed("The page, another page of images", at.run, plain, CLICK_S)
            at.toggle(key="hide-diagonal").set_value(True)
            timed("The page, only mistakes", at.run, plain, CLICK_S)
            assert not at.exception and at.metric[2].value == f"{len(run.evaluated):,}", at
        offered.engine.close()


if __name__ == "__main__":
    main()
