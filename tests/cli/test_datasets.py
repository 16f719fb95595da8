"""Datasets as people have them, through the command line."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.cli.test_commands import FROG, SHIP, dashboard, only_json, process, shared_worker  # noqa: F401  # a fixture
from tests.conftest import MakeZip, encoded
from tests.core.datasets.test_idx import idx
from tests.core.datasets.test_kinds_of_files import with_method

pillow_heif.register_heif_opener()  # to write such files


def frog(format: str = "PNG") -> bytes:
    with Image.open(FROG) as image:
        return encoded(image.convert("RGB"), format, **({"quality": 95} if format in ("HEIF", "AVIF", "JPEG") else {}))


def tar_gz(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_a_compressed_tar_of_all_kinds_of_images_with_a_one_hot_table(tmp_path: Path) -> None:
    files = {
        "set/one.HEIC": frog("HEIF"), "set/two.avif": frog("AVIF"), "set/three.jpg": frog("HEIF"), "set/four": SHIP.read_bytes(),
        "set/five.jp2": frog("JPEG2000"), "set/six.png": b"<html>404</html>", "set/seven.png": frog(), "set/eight.png": frog(),
        "set/GroundTruth.csv": b"image,ship,frog\none,0,1\ntwo,0,1\nthree,0.0,1.0\nfour,1,0\nsix,0,1\nseven,1,1\neight,0,0\n",
    }  # fmt: skip
    done = process("evaluate", tar_gz(tmp_path / "set.tar.gz", files), "--json", data_dir=tmp_path / "data")
    record = only_json(done)
    assert done.returncode == 0 and (record["n_images"], record["n_evaluated"], record["accuracy"]) == (8, 4, 1)
    reasons = {row["file"].removeprefix("set/"): row["reason"] for row in record["failed"]}
    told = {"five.jp2": "JPEG 2000", "six.png": "web page", "seven.png": "several labels", "eight.png": "no label"}
    assert set(reasons) == set(told) and all(what in reasons[name] for name, what in told.items())
    manifest = json.loads((tmp_path / "data" / "runs" / record["run_id"] / "manifest.json").read_text())
    assert "set/GroundTruth.csv has a column for each class: ship, frog." in manifest["notes"]
    assert not list((tmp_path / "data").rglob("*.HEIC"))


def test_idx_files_and_coco(tmp_path: Path) -> None:
    with Image.open(FROG) as image:
        gray = np.asarray(image.convert("L"))
    for name, array in (("images-idx3", gray[None]), ("labels-idx1", np.array([6], np.uint8))):
        (tmp_path / "digits").mkdir(exist_ok=True)
        (tmp_path / "digits" / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    from_0 = ("--labels-from", "0", "--json")  # with a single label, it is asked where counting begins
    record = only_json(dashboard("evaluate", tmp_path / "digits", *from_0, data_dir=tmp_path / "data"))
    assert (record["n_evaluated"], record["n_failed"]) == (1, 0)
    (tmp_path / "coco" / "images").mkdir(parents=True)
    for name, data in (("1.png", frog()), ("2.png", SHIP.read_bytes()), ("3.png", SHIP.read_bytes())):
        (tmp_path / "coco" / "images" / name).write_bytes(data)
    coco = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in (1, 2, 3)],
        "annotations": [{"image_id": i, "category_id": c} for i, c in ((1, 5), (2, 6), (3, 5), (3, 6))],
        "categories": [{"id": 0, "name": "things"}, {"id": 5, "name": "frog"}, {"id": 6, "name": "ship"}],
    }
    (tmp_path / "coco" / "_annotations.coco.json").write_text(json.dumps(coco))
    record = only_json(dashboard("evaluate", tmp_path / "coco", "--json", data_dir=tmp_path / "data"))
    assert (record["n_evaluated"], record["n_failed"], record["accuracy"]) == (2, 1, 1)
    assert "several categories: frog, ship" in record["failed"][0]["reason"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_that_cannot_be_read_is_one_error(tmp_path: Path, make_zip: MakeZip, kind: str) -> None:
    if kind == "zip":
        path = with_method(make_zip({"cat": 3}), 9)
    else:
        path = tar_gz(tmp_path / "set.tar.gz", {"cat/1.png": frog()})
        path.write_bytes(path.read_bytes()[:-40])
    done = dashboard("evaluate", path, "--json", data_dir=tmp_path / "data")
    error = only_json(done)["error"]
    assert done.returncode == 1 and error["code"] == {"zip": "zip_method", "tar.gz": "tar_truncated"}[kind]


def test_images_are_filtered_by_what_a_table_says_and_by_what_was_measured(tmp_path: Path, make_zip: MakeZip) -> None:
    path = make_zip({}, extra={"a.png": frog(), "b.png": SHIP.read_bytes(), "c.jpg": frog("JPEG"), "d.png": b""})
    (tmp_path / "truth.csv").write_text(
        "file;label;camera;age;width\na.png;frog;left;7;1\nb.png;ship;right;30;2\nc.jpg;frog;left;;3\nd.png;ship;left;5;4\n"
    )
    data = tmp_path / "data"
    record = only_json(dashboard("evaluate", path, "--labels", tmp_path / "truth.csv", "--json", data_dir=data))

    def shown(*conditions: str) -> dict[str, int]:
        where = [part for condition in conditions for part in ("--where", condition)]
        found = only_json(dashboard("runs", "show", record["run_id"], *where, "--json", data_dir=data))
        assert found["where"] == list(conditions)
        return {"evaluated": found["n_evaluated"], "failed": found["n_failed"]}

    assert shown("camera=left") == {"evaluated": 2, "failed": 1}
    assert shown("age<30") == {"evaluated": 1, "failed": 1} and shown("age=", "true_label=frog")["evaluated"] == 1
    assert shown("camera=left", "age<6") == {"evaluated": 0, "failed": 1}
    assert shown("width=32") == {"evaluated": 3, "failed": 0} and shown("width=")["failed"] == 1
    assert shown("width (dataset)>=2", "file_size>0", "brightness<1") == {"evaluated": 2, "failed": 0}
    refused = dashboard("runs", "show", record["run_id"], "--where", "lens=wide", "--json", data_dir=data)
    error = only_json(refused)["error"]
    assert refused.returncode and error["code"] == "filter" and "camera, age, width (dataset)" in error["fix"]
