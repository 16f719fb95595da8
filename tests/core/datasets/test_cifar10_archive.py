"""The CIFAR-10 archive, and hostile pickles in its place."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import pickle
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard.core.datasets import cifar10_archive, open_dataset
from dashboard.core.errors import DatasetError
from dashboard.core.labels.cifar10 import CLASS_NAMES


def batch(n: int = 20, seed: int = 0, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    record = {
        "batch_label": "batch",
        "labels": [int(c) for c in rng.integers(0, 10, n)],
        "data": rng.integers(0, 256, (n, 3072), np.uint8),
        "filenames": [f"picture_{seed}_{i}.png" for i in range(n)],
    }
    return {**record, **changes}


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return archive(tmp_path / "small.tar.gz", {n: pickle.dumps(batch(seed=i), 2) for i, n in enumerate(names)})


def test_reads_images_labels_and_names_of_all_batches(small: Path) -> None:
    train, test = cifar10_archive.read(small, "train"), cifar10_archive.read(small, "test")
    assert train.images.shape == (100, 32, 32, 3) and train.images.dtype == np.uint8
    assert train.file_names[20] == "picture_1_0.png"
    record = batch(seed=5)
    assert test.labels.tolist() == record["labels"]
    planes = record["data"][7].reshape(3, 32, 32)
    for channel in range(3):
        assert np.array_equal(test.images[7, :, :, channel], planes[channel])


@pytest.mark.parametrize("protocol", range(5))
def test_reads_every_pickle_protocol(tmp_path: Path, protocol: int) -> None:
    record = batch(300)
    path = archive(tmp_path / "p.tar.gz", {"test_batch": pickle.dumps(record, protocol)})
    found = cifar10_archive.read(path, "test")
    assert np.array_equal(found.images.transpose(0, 3, 1, 2).reshape(300, -1), record["data"])


def test_reads_byte_keys_as_python_2_wrote_them(tmp_path: Path) -> None:
    record = {k.encode(): v for k, v in batch().items()}
    record[b"filenames"] = [n.encode() for n in record[b"filenames"]]
    found = cifar10_archive.read(archive(tmp_path / "p.tar.gz", {"test_batch": pickle.dumps(record, 2)}), "test")
    assert found.file_names[0] == "picture_0_0.png"


def test_the_dataset_of_an_archive_is_its_test_images(small: Path) -> None:
    dataset = open_dataset(small)
    assert len(dataset.samples) == 20
    sample = dataset.samples[3]
    assert sample.label == CLASS_NAMES[batch(seed=5)["labels"][3]] and sample.name == f"{sample.label}/picture_5_3.png"
    assert np.array_equal(dataset.image(3), cifar10_archive.read(small, "test").images[3])


def test_the_shared_archive_holds_the_same_images_as_the_shared_zip(shared_dir: Path) -> None:
    dataset = open_dataset(shared_dir / "cifar10" / "cifar-10-python.tar.gz")
    zipped = open_dataset(shared_dir / "cifar10" / "cifar10-test-2000.zip")
    assert len(dataset.samples) == len(zipped.samples) == 2000
    from_zip = {Path(s.name).name: s for s in zipped.samples}
    for sample in dataset.samples:
        other = from_zip[Path(sample.name).name]
        assert other.label == sample.label
        assert np.array_equal(zipped.image(other.index), dataset.image(sample.index))


def test_the_shared_archive_holds_50000_training_images(shared_dir: Path) -> None:
    train = cifar10_archive.read(shared_dir / "cifar10" / "cifar-10-python.tar.gz", "train")
    assert train.images.shape == (50_000, 32, 32, 3)
    assert np.bincount(train.labels).tolist() == [5000] * 10


def refused(data: bytes, tmp_path: Path) -> DatasetError:
    path = archive(tmp_path / "hostile.tar.gz", {"test_batch": data})
    with pytest.raises(DatasetError) as caught:
        open_dataset(path)
    assert "hostile.tar.gz" in caught.value.message
    return caught.value


class Calls:
    """An object whose pickle calls any function when it is loaded."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_runs_a_command_has_no_effect(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    for function, argument in ((os.system, f"touch {marker}"), (os.mkdir, str(marker))):
        data = pickle.dumps(batch(labels=Calls(function, argument)), protocol)
        assert "asks for" in refused(data, tmp_path).message
        assert not marker.exists()
    pickle.loads(data)
    assert marker.exists(), "the pickle is harmless, so this test would prove nothing"


def test_other_codecs_are_refused(tmp_path: Path) -> None:
    import _codecs

    data = pickle.dumps(batch(labels=Calls(_codecs.encode, "x" * 200_000, "punycode")), 2)
    assert "punycode" in refused(data, tmp_path).message


def test_bombs_of_a_few_bytes_cost_neither_time_nor_memory(tmp_path: Path) -> None:
    bombs = {
        "memo": b"\x80\x02Nr\xff\xff\xff\x7f.",  # LONG_BINPUT 2**31 - 1
        "memo of text": b"Np2000000000\n.",
        "length": b"\x80\x04\x8e\xff\xff\xff\xff\x0f\x00\x00\x00.",  # BINBYTES8 of 64 GB
        "frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        "lists": b"\x80\x02(" + b"]" * 40_000_000 + b"l.",
    }
    program = (
        "import resource, sys, time\n"
        "from dashboard.core.datasets.cifar10_archive import load_restricted\n"
        "from dashboard.core.errors import DatasetError\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "start = time.process_time()\n"
        "try: load_restricted(data, 'it')\n"
        "except DatasetError: pass\n"
        "else: raise SystemExit('accepted')\n"
        "print(time.process_time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    for name, data in bombs.items():
        done = subprocess.run(
            [sys.executable, "-c", program], input=data, capture_output=True, check=True, cwd=Path(__file__).parents[3]
        )
        seconds, megabytes = (float(v) for v in done.stdout.split())
        assert seconds < 3 and megabytes < 200, name


def test_a_truncated_batch_is_refused(tmp_path: Path) -> None:
    data = pickle.dumps(batch(), 2)
    for share in (0.1, 0.5, 0.99):
        refused(data[: int(share * len(data))], tmp_path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_archive_is_refused(small: Path, share: float) -> None:
    data = small.read_bytes()
    small.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DatasetError, match="cannot be read"):
        cifar10_archive.read(small, "test")


def test_no_damage_within_the_archive_goes_unnoticed(small: Path) -> None:
    data = small.read_bytes()
    for place in np.linspace(20, len(data) * 0.95, 15, dtype=int):
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        small.write_bytes(damaged)
        with pytest.raises(DatasetError):
            cifar10_archive.read(small, "test")


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": [10] * 20}, {"labels": [-1] * 20}, {"labels": [0] * 19}, {"labels": "abc"}, {"labels": []},
        {"labels": [2**70] * 20}, {"labels": [[1]] * 20}, {"data": np.zeros((20, 3072), np.float32)},
        {"data": np.zeros((20, 100), np.uint8)}, {"data": b"x"}, {"filenames": ["a"]}, {"filenames": 3},
    ],
)  # fmt: skip
def test_a_batch_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert "not a CIFAR-10 batch" in refused(pickle.dumps(batch(**changes), 2), tmp_path).message


def test_other_pickles_and_missing_batches(tmp_path: Path, small: Path) -> None:
    refused(pickle.dumps([1, 2, 3]), tmp_path)
    refused(pickle.dumps({"data": 1}), tmp_path)
    refused(b"not a pickle", tmp_path)
    only_test = archive(tmp_path / "part.tar.gz", {"test_batch": pickle.dumps(batch(), 2)})
    with pytest.raises(DatasetError, match="lacks data_batch_1"):
        cifar10_archive.read(only_test, "train")


def test_a_batch_that_says_it_is_huge_is_not_read(tmp_path: Path) -> None:
    assert "too large" in refused(bytes(cifar10_archive.MAX_BATCH_BYTES + 1), tmp_path).message


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "served"))

        def log_message(self, *args: Any) -> None:
            pass

    (tmp_path / "served").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


def test_download_verifies_and_does_it_once(tmp_path: Path, server: str) -> None:
    content = os.urandom(2**20)
    (tmp_path / "served" / "a.tar.gz").write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    seen: list[tuple[int, int]] = []
    path = cifar10_archive.download(
        tmp_path / "to", lambda done, total: seen.append((done, total)), f"{server}/a.tar.gz", checksum
    )
    assert path.read_bytes() == content and seen[-1] == (2**20, 2**20) and len(seen) > 1
    assert cifar10_archive.download(tmp_path / "to", url="http://127.0.0.1:1/never", sha256=checksum) == path


def test_a_download_of_something_else_is_refused_and_not_kept(tmp_path: Path, server: str) -> None:
    (tmp_path / "served" / "a.tar.gz").write_bytes(b"something else")
    with pytest.raises(DatasetError, match="checksum") as caught:
        cifar10_archive.download(tmp_path / "to", url=f"{server}/a.tar.gz")
    assert caught.value.code == "checksum" and str(tmp_path / "to") in caught.value.fix
    assert list((tmp_path / "to").iterdir()) == []


def test_another_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / cifar10_archive.FILE_NAME).write_bytes(b"something else")
    with pytest.raises(DatasetError, match="exists already") as caught:
        cifar10_archive.download(tmp_path)
    assert str(tmp_path / cifar10_archive.FILE_NAME) in caught.value.message and "Delete it" in caught.value.fix


@pytest.mark.parametrize("path", ["missing.tar.gz", None])
def test_a_download_that_fails_says_how_to_do_it_by_hand(tmp_path: Path, server: str, path: str | None) -> None:
    start = time.perf_counter()
    with pytest.raises(DatasetError) as caught:
        cifar10_archive.download(tmp_path / "to", url=f"{server}/{path}" if path else "http://127.0.0.1:1/a.tar.gz")
    assert caught.value.code == "download_failed" and str(tmp_path / "to") in caught.value.fix
    assert list((tmp_path / "to").iterdir()) == [] and time.perf_counter() - start < 10


def test_pictures_look_as_they_should(shared_dir: Path) -> None:
    """Compares the pickles with a file of the shared ZIP that Pillow decodes: the colour planes are in order."""
    import zipfile

    dataset = open_dataset(shared_dir / "cifar10" / "cifar-10-python.tar.gz")
    with zipfile.ZipFile(shared_dir / "cifar10" / "cifar10-test-2000.zip") as archive:
        by_name = {Path(n).name: n for n in archive.namelist()}
        for index in (0, 999, 1999):
            with Image.open(archive.open(by_name[Path(dataset.samples[index].name).name])) as image:
                assert np.array_equal(np.asarray(image.convert("RGB")), dataset.image(index))
