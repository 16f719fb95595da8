"""Tables: labels, images in Parquet, and predictions made elsewhere."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.datasets.labels_file import read_labels_file
from dashboard.core.importing.dropped import recognise
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.runs.store import RunStore
from tests.fuzz.parser import Content, Parser, digest
from tests.fuzz.parsers.archives import FILES, TABLE, reader
from tests.fuzz.parsers.arrays import npy, npz
from tests.fuzz.structured import json_values, npy_header, raw, text, zip_members

_NAMES = ("cat", "dog", "ant")
_PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])


def parquet(table: pa.Table, **options: object) -> bytes:
    """A Parquet file whose pages have checksums."""
    out = io.BytesIO()
    pq.write_table(table, out, write_page_checksum=True, **options)
    return out.getvalue()


def _pages(seed: bytes) -> tuple[int, int]:
    return 4, len(seed) - 8 - int.from_bytes(seed[-8:-4], "little")


def _labels(suffix: str) -> Callable[[bytes, Path], Content]:
    def read(data: bytes, folder: Path) -> Content:
        table = read_labels_file(data, f"labels{suffix}", {"0", "1", "2"}, lambda: data)
        if table.attributes:
            table.attributes()
        rows = zip(table.files, table.labels, strict=True)
        return frozenset(digest(f"{file} {label}".encode()) for file, label in rows)

    return read


def _json_tables() -> list[bytes]:
    rows = [{"file": name, "label": name[:3], "age": i, "tags": ["a"]} for i, name in enumerate(FILES)]
    coco = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(FILES)],
        "annotations": [{"image_id": i, "category_id": i % 2, "bbox": [0, 0, 1, 1]} for i in range(3)],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    voxel = {"classes": ["cat", "dog"], "labels": {name: i % 2 for i, name in enumerate(FILES)}}
    frame = {"file": dict(enumerate(FILES)), "label": {i: name[:3] for i, name in enumerate(FILES)}}
    votes = [{"result": [{"value": {"choices": ["cat"]}}], "was_cancelled": False}]
    studio = [{"data": {"image": f"/data/upload/1/0a1b2c3d-{name}"}, "annotations": votes} for name in FILES]
    others = (voxel, frame, studio, {"data": [rows[0] | {"split": "test"}, rows[1] | {"split": "train"}]})
    return [json.dumps(value).encode() for value in (rows, {name: name[:3] for name in FILES}, coco, *others)]


def _json_lines() -> list[bytes]:
    return [b"\n".join(json.dumps(row).encode() for row in json.loads(_json_tables()[0]))]


def _csv_tables() -> list[bytes]:
    one_hot = b"image;cat;dog\n0.png;1;0\n1.png;0;1\n2.jpg;0;1\n"
    return [
        TABLE,
        one_hot,
        b"0.png\tcat\n1.png\tdog\n",
        'file,label\n"0.png","[""cat""]"\n1.png,3.0\n'.encode("utf-16"),
    ]


def _parquet_tables() -> list[bytes]:
    table = pa.table(
        {"file": list(FILES), "label": [name[:3] for name in FILES], "age": [1, None, 3], "seen": [True, False, None]}
    )
    typed = table.set_column(1, "label", pa.array([[0], [1], [1]])).append_column(
        "day", pa.array([1, 2, 3], pa.date32())
    )
    return [
        parquet(table), parquet(table, compression="zstd", use_dictionary=False, data_page_version="2.0"),
        parquet(typed, compression="gzip"), parquet(table, compression="none"),
    ]  # fmt: skip


def _parquet_images() -> list[bytes]:
    info = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    images = [{"bytes": content, "path": name} for name, content in FILES.items()]
    nested = pa.table({"image": images, "label": [0, 1, 1]}).replace_schema_metadata({"huggingface": json.dumps(info)})
    plain = pa.table({"image": list(FILES.values()), "label": ["cat", "dog", "dog"], "age": [1, 2, 3]})
    return [parquet(nested), parquet(plain, row_group_size=2), parquet(plain, compression="none", use_dictionary=False)]


def _schema(seeds: Callable[[], Sequence[bytes]]) -> Callable[[random.Random, bytes], bytes]:
    """Tables whose columns have other types, names or lengths of lists: a whole file with a right form."""

    def mutation(rng: random.Random, data: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(rng.choice(seeds())))
        at = rng.randrange(table.num_columns)
        n = len(table)
        values = rng.choice(
            (
                pa.nulls(n), pa.array([None] * (n - 1) + ["a" * 40_000]), pa.array([float("nan"), *range(n - 1)]),
                pa.array([b"\xff\xfe"] * n), pa.array([[]] * n, pa.list_(pa.float32())), pa.array([2**64 - 1] * n, pa.uint64()),
                pa.array([{"bytes": None, "path": "x"}] * n), pa.array(["\0", *["x"] * (n - 1)]).dictionary_encode(),
                pa.array([[0.5] * i for i in range(n)]), pa.array([1] * n, pa.timestamp("ns")), pa.array([1e300] * n),
                pa.array([True] * n), pa.array([[["a"]]] * n), pa.array([1] * n, pa.decimal128(38, 10)),
                pa.array([1] * n, pa.duration("s")), pa.array([b"ab"] * n, pa.binary(2)), pa.array([1] * n, pa.float16()),
            )
        )  # fmt: skip
        name = rng.choice(
            (table.column_names[at], table.column_names[at], "", "label", "\N{PILE OF POO}", "pred_probs")
        )
        changed = table.set_column(at, name, values)
        return parquet(changed.slice(0, rng.choice((0, 1, n, n))), compression=rng.choice(("none", "snappy")))

    return mutation


def _predictions(name: str) -> Callable[[bytes, Path], Content]:
    def read(data: bytes, folder: Path) -> Content:
        path = folder / name
        path.write_bytes(data)
        recognise([path], _NAMES)
        imported = import_predictions(ImportRequest(path, _NAMES), RunStore(folder / "runs"))
        run = RunStore(folder / "runs").folder(imported.manifest.run_id).load()
        return frozenset({digest(run.table["confidence"].to_numpy().tobytes())})

    return read


def _predictions_table() -> pa.Table:
    columns = {f"p_{name}": _PROBS[:, i] for i, name in enumerate(_NAMES)}
    further = {"site": ["A", "B", None, "A"], "age": [3, 5, 8, 13]}
    return pa.table(
        {"file": [f"{i}.png" for i in range(4)], "label": ["cat", "dog", "ant", None], **columns, **further}
    )


def _predictions_csv() -> list[bytes]:
    frame = _predictions_table().to_pandas()
    return [frame.to_csv(index=False).encode(), frame.to_csv(index=False, sep=";").encode()]


def _predictions_parquet() -> list[bytes]:
    lists = pa.table({"file": [f"{i}.png" for i in range(4)], "label": [0, 1, 2, 2], "pred_probs": list(_PROBS)})
    return [parquet(_predictions_table()), parquet(lists, compression="none")]


def _predictions_npz() -> list[bytes]:
    names = {"files": np.array(["a.png", "b.png", "c.png", "d.png"]), "class_names": np.array(_NAMES)}
    return [npz(packed, pred_probs=_PROBS, labels=np.array([0, 1, 2, 2]), **names) for packed in (False, True)]


def _given_labels(data: bytes, folder: Path) -> Content:
    (folder / "probs.npy").write_bytes(npy(_PROBS))
    (folder / "labels.csv").write_bytes(data)
    request = ImportRequest(folder / "probs.npy", _NAMES, folder / "labels.csv")
    return frozenset({str(import_predictions(request, RunStore(folder / "runs")).n_failed)})


PARSERS: Sequence[Parser] = (
    Parser("labels-csv", _csv_tables, _labels(".csv"), (text, text)),
    Parser("labels-json", _json_tables, _labels(".json"), (json_values, json_values)),
    Parser("labels-jsonl", _json_lines, _labels(".jsonl"), (json_values, text)),
    Parser("labels-parquet", _parquet_tables, _labels(".parquet"), (_schema(_parquet_tables),), covered=_pages),
    Parser("parquet", _parquet_images, reader("x.parquet"), (_schema(_parquet_images),), covered=_pages),
    Parser("predictions-csv", _predictions_csv, _predictions("p.csv"), (text, text)),
    Parser("predictions-parquet", _predictions_parquet, _predictions("p.parquet"), (_schema(_predictions_parquet),),
           covered=_pages),
    Parser("predictions-npy", lambda: [npy(_PROBS)], _predictions("p.npy"), (npy_header, npy_header)),
    Parser("predictions-npz", _predictions_npz, _predictions("p.npz"), (zip_members((raw, npy_header)),),
           covered=lambda seed: (0, len(seed))),
    Parser("predictions-labels", lambda: [b"label,site\ncat,A\ndog,B\nant,A\nant,\n"], _given_labels, (text, text)),
)  # fmt: skip
