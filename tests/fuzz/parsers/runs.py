"""The files of a run's folder."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.analysis.embeddings import RunEmbeddings
from dashboard.core.analysis.similar_images import similar_images, usual_similarity
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.measuring import measure
from dashboard.core.runs.array_file import ArrayFile, file_content
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import MANIFEST, RunFolder
from dashboard.core.runs.rows import COLUMNS
from dashboard.core.runs.store import RunStore
from tests.fuzz.parser import Content, Parser, digest
from tests.fuzz.structured import json_values, npy_header, raw, text
from tests.simulated_runs import clean


@lru_cache
def _whole(pid: int) -> Path:
    """A run with all its files, made once in a process."""
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="fuzz-run-"))
    folder = clean(1, 40, 3).store(place / "20260101-000000-abc")
    folder.beside.attributes.keep(pa.table({"weather": ["sun", "rain"] * 20, "age": list(range(40))}))
    folder.beside.annotate(lambda noted: noted.tagged("odd", [1, 2]).with_subset("wet", ["weather=rain"]))
    measure(folder)
    _embeddings(folder.path).write_bytes(file_content(np.random.default_rng(0).random((40, 8)).astype(np.float32)))
    import atexit

    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return folder.path


def _file(name: str) -> bytes:
    return (_whole(os.getpid()) / name).read_bytes()


def _reader(name: str) -> Callable[[bytes, Path], Content]:
    def read(data: bytes, folder: Path) -> Content:
        source = _whole(os.getpid())
        place = folder / source.name
        place.mkdir()
        for path in source.iterdir():
            if path.name != name:
                os.link(path, place / path.name)
        (place / name).write_bytes(data)
        store = RunStore(folder)
        for listed in store.list():
            store.folder(listed.run_id).state(listed)
            _ = listed.dataset_name, listed.class_of, listed.left_out
        return _read_run(store.folder(source.name))

    return read


def _read_run(folder: RunFolder) -> Content:
    manifest = folder.manifest()
    folder.rows.parts(), folder.beside.thumbnails()
    faults = []
    for attempt in (
        lambda: folder.load(COLUMNS).evaluation(),
        lambda: folder.load(("index", "status", "true_label", "predicted_label", "confidence")).scores,
        lambda: folder.load(("index",), parse_filter(["weather=rain"])),
        lambda: folder.load(("index",), parse_filter(["tag=odd"])),
        lambda: _batches(folder),
        folder.beside.annotations,
    ):
        try:
            attempt()
        except DatasetError as error:  # the others must not raise anything else all the same
            faults.append(error)
    if faults:
        raise faults[0]
    return frozenset({str(manifest.n_images)})


def _batches(folder: RunFolder) -> None:
    with contextlib.suppress(OSError, pa.ArrowException):  # as its description says
        list(folder.load(("index",)).batches(COLUMNS))


def _embeddings(folder: Path) -> Path:
    return folder / "embeddings.npy"


def _rows_of(array: ArrayFile | None) -> Content:
    """What is believed of an array: nothing if it is missing or damaged."""
    return frozenset() if array is None else frozenset({digest(np.asarray(array).tobytes())})


def _read_thumbnails(data: bytes, folder: Path) -> Content:
    found = _reader("thumbnails.npy")(data, folder)
    run = RunStore(folder).folder(_whole(os.getpid()).name)
    assert (run.beside.thumbnails() is None) == ("thumbnails.npy" in run.beside.faults())
    return found | _rows_of(run.beside.thumbnails())


def _read_embeddings(data: bytes, folder: Path) -> Content:
    _reader("embeddings.npy")(data, folder)
    store = RunStore(folder)
    run = store.folder(_whole(os.getpid()).name).load()
    stored = RunEmbeddings(None, store).stored(run)  # type: ignore[arg-type]  # which only computes them
    if stored is not None:
        query = np.ones(stored.shape[1])
        if not similar_images(run.evaluated, stored, query, 5, leave_out=0).empty:
            usual_similarity(stored, query)
    return _rows_of(stored)


def _of_earlier_versions(rng: random.Random, data: bytes) -> bytes:
    """The array without its checksums, and sometimes with another header."""
    out = io.BytesIO()
    np.save(out, np.load(io.BytesIO(data)))
    return npy_header(rng, out.getvalue()) if rng.random() < 0.5 else raw(rng, out.getvalue())


def _all(seed: bytes) -> tuple[int, int]:
    return 0, len(seed)


def _parquet(name: str) -> Callable[[], Sequence[bytes]]:
    """The file as it is, and as earlier versions wrote it, without a checksum of the whole."""

    def contents() -> Sequence[bytes]:
        out = io.BytesIO()
        pq.write_table(pq.read_table(io.BytesIO(_file(name))), out, write_page_checksum=True)
        return _file(name), out.getvalue()

    return contents


def _json(name: str) -> Callable[[], Sequence[bytes]]:
    return lambda: [json.dumps(json.loads(_file(name))).encode()]


PARSERS: Sequence[Parser] = (
    Parser("run-manifest", _json(MANIFEST), _reader(MANIFEST), (json_values, json_values, text)),
    Parser("run-evaluation", _json("evaluation.json"), _reader("evaluation.json"), (json_values, json_values)),
    Parser("run-annotations", _json("annotations.json"), _reader("annotations.json"), (json_values, json_values)),
    Parser("run-rows", _parquet("rows.parquet"), _reader("rows.parquet")),
    Parser("run-attributes", _parquet("attributes.parquet"), _reader("attributes.parquet")),
    Parser(
        "run-thumbnails",
        lambda: [_file("thumbnails.npy")],
        _read_thumbnails,
        (npy_header, _of_earlier_versions),
        covered=_all,
    ),
    Parser(
        "run-embeddings",
        lambda: [_file("embeddings.npy")],
        _read_embeddings,
        (npy_header, _of_earlier_versions),
        covered=_all,
    ),
)
