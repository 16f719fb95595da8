"""Small texts that users write: names of classes, label maps, descriptions of datasets, checks, filters."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from dashboard.core.analysis.checks.reading import read_checks
from dashboard.core.datasets.described import SUFFIX
from dashboard.core.labels.class_names import class_names_in
from dashboard.core.labels.label_map import read_label_map
from dashboard.core.runs.filters import as_texts, in_words, parse_filter
from dashboard.core.runs.folder import RunFolder
from tests.fuzz.parser import Content, Parser
from tests.fuzz.parsers.archives import FILES, TABLE, read_dataset, zipped
from tests.fuzz.structured import json_values, text, yaml_anchors
from tests.simulated_runs import clean

_CHECKS = b"""\
checks:
  - accuracy >= 0.9
  - check: "recall[cat] >= 85%"
    where: [confidence<0.7, true_label=cat]
  - {check: n >= 10, subset: night}
  - no finding: repeated_images
subsets:
  night: [weather=night]
"""


def _nothing(value: object) -> Content:
    return frozenset()


def _names(name: str) -> Callable[[bytes, Path], Content]:
    return lambda data, folder: _nothing(class_names_in(data, name))


def _read_map(data: bytes, folder: Path) -> Content:
    (folder / "map.json").write_bytes(data)
    return _nothing(read_label_map([str(folder / "map.json")]))


def _read_described(data: bytes, folder: Path) -> Content:
    (folder / "photos.zip").write_bytes(zipped(FILES))
    (folder / "truth.csv").write_bytes(TABLE)
    path = folder / f"x{SUFFIX}"
    path.write_bytes(data)
    return read_dataset(path)


def _read_checks(data: bytes, folder: Path) -> Content:
    (folder / "checks.yml").write_bytes(data)
    return _nothing(read_checks(folder / "checks.yml"))


@lru_cache
def _run(folder: Path) -> RunFolder:
    return clean(1, 50, 3).store(folder)


def _where(data: bytes, folder: Path) -> Content:
    texts = data.decode("utf-8", "surrogateescape").split("\n")
    conditions = parse_filter(texts)
    in_words(conditions).encode()
    assert parse_filter(as_texts(conditions)) == conditions
    _run(folder.parent / "the-run").load(("index",), conditions)
    return frozenset()


def _filters() -> list[bytes]:
    return [
        b"true_label=airplane|bird\nconfidence<0.7", b"correct=no", b"file~1\nstatus=ok", b"loss>1.5\naspect>=1%", b"tag=",
        b"width!=32\nbrightness<=0.5", b"predicted_label!=bird", b"index>=3\ntrue_rank=1|2",
    ]  # fmt: skip


PARSERS: Sequence[Parser] = (
    Parser("names-txt", lambda: [b"cat\ndog\nant\n", b"0 cat\n1 dog\n", b"cat: 0\ndog: 1\n"], _names("labels.txt"), (text,)),
    Parser("names-csv", lambda: [b"id,name\n0,cat\n1,dog\n", b"cat;0\ndog;1\n"], _names("classes.csv"), (text,)),
    Parser(
        "names-json",
        lambda: [b'["cat", "dog"]', b'{"cat": 0, "dog": 1}', b'{"id2label": {"0": "cat"}}', b'{"0": ["n01", "cat"]}',
                 b'{"d": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}'],
        _names("class_indices.json"), (json_values,),
    ),
    Parser("names-yaml", lambda: [b"nc: 2\nnames: [cat, dog]\n", b"names:\n  0: cat\n  1: dog\n"], _names("data.yaml"), (text, yaml_anchors)),
    Parser("label-map", lambda: [b'{"kitten": "cat", "zebra": null, "*": "dog"}'], _read_map, (json_values, text)),
    Parser(
        "dataset-json",
        lambda: [json.dumps(each).encode() for each in (
            {"images": "photos.zip", "labels": "truth.csv"}, {"images": "photos.zip", "split": "none"})],
        _read_described, (json_values, text),
    ),
    Parser("checks-yml", lambda: [_CHECKS, b"- accuracy >= 0.9\n- ece15 <= 5%\n"], _read_checks, (text, text, yaml_anchors)),
    Parser("where", _filters, _where, (text, text)),
)  # fmt: skip
