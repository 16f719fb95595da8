"""Archives and record files with images: ZIP, tar, CIFAR-10, TFRecord."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.cifar10_archive import _parse_batch
from dashboard.core.datasets.tfrecord import _example, masked_crc32c
from dashboard.core.errors import ImageError
from tests.fuzz.parser import Content, Parser, digest
from tests.fuzz.parsers.pictures import encoded, picture
from tests.fuzz.structured import pickle_opcodes, raw, tar_members, text, zip_headers, zip_members, zip_stream

_MOST_IMAGES = 50  # that are read of a dataset


def read_dataset(path: Path) -> Content:
    """Everything that is read of a dataset: pixels and attributes. Names and labels are not part of the answer."""
    dataset = open_dataset(path)
    found = set()
    for sample in dataset.samples[:_MOST_IMAGES]:
        try:
            found.add(digest(dataset.image(sample.index).tobytes()))
            str(dataset.file(sample.index)[:1])
        except ImageError:
            continue
    _ = dataset.fingerprint
    dataset.attributes()
    " ".join(dataset.notes).encode()
    return frozenset(found)


def reader(name: str) -> Callable[[bytes, Path], Content]:
    """Reads a dataset from a file of this name."""

    def read(data: bytes, folder: Path) -> Content:
        path = folder / name
        path.write_bytes(data)
        return read_dataset(path)

    return read


FILES = {
    **{f"{label}/{i}.png": encoded(picture(size=(8, 8), seed=i), "PNG") for i, label in enumerate(("cat", "dog"))},
    "dog/2.jpg": encoded(picture(size=(8, 8)), "JPEG"),
}
TABLE = b"file,label,weather\n" + b"".join(f"{name},{name[:3]},sunny\n".encode() for name in FILES)
MAP = b'{"0": "cat", "1": "dog"}'


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def _zips() -> list[bytes]:
    flat = {name.replace("/", "-"): content for name, content in FILES.items()}
    table = TABLE.replace(b"/", b"-")
    return [
        *(zipped(FILES, method) for method in (0, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
        zipped({**flat, "labels.csv": table, "class_indices.json": MAP}),
        zipped({"caf\N{LATIN SMALL LETTER E WITH ACUTE}/1.png": FILES["cat/0.png"], **FILES}),
    ]


def tarred(files: dict[str, bytes], mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _tars() -> list[bytes]:
    return [tarred({**FILES, "labels.csv": TABLE}, mode) for mode in ("w", "w:gz")] + [tarred(FILES, "w")]


def _gzipped_tars() -> list[bytes]:
    return [tarred(FILES, "w:gz")]


def _batch(protocol: int = 2) -> bytes:
    rng = np.random.default_rng(0)
    record = {
        b"data": rng.integers(0, 256, (3, 3072), np.uint8), b"labels": [0, 5, 9],
        b"filenames": [b"a.png", b"b.png", b"c.png"], b"batch_label": b"testing batch 1 of 1",
    }  # fmt: skip
    return pickle.dumps(record, protocol)


def _batches() -> list[bytes]:
    return [_batch(protocol) for protocol in (0, 2, 4)] + [
        pickle.dumps({k.decode(): v for k, v in pickle.loads(_batch()).items()}, 2)
    ]


def _read_batch(data: bytes, folder: Path) -> Content:
    found = _parse_batch(data, "test_batch")
    "".join(found.file_names).encode("utf-8", "surrogatepass")
    return frozenset({digest(found.images.tobytes(), found.labels.tobytes())})


def _cifar_archives() -> list[bytes]:
    return [tarred({"cifar-10-batches-py/test_batch": _batch()}, mode) for mode in ("w", "w:gz")]


def framed(records: Sequence[bytes]) -> bytes:
    out = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        out += length + struct.pack("<I", masked_crc32c(length)) + record + struct.pack("<I", masked_crc32c(record))
    return out


def _records() -> list[bytes]:
    records = []
    for i, content in enumerate(FILES.values()):
        example = _example()()
        example.features.feature["image/encoded"].bytes_list.value.append(content)
        example.features.feature["label"].int64_list.value.append(i)
        example.features.feature["filename"].bytes_list.value.append(b"%d.png" % i)
        example.features.feature["score"].float_list.value.append(0.5)
        records.append(example.SerializeToString())
    return records


def _inside_records(rng: object, data: bytes) -> bytes:
    """Damages one record, with right checksums."""
    records = _records()
    at = rng.randrange(len(records))  # type: ignore[attr-defined]
    records[at] = raw(rng, records[at])  # type: ignore[arg-type]
    return framed(records)


def _idx() -> list[bytes]:
    images = struct.pack(">HBBIII", 0, 8, 3, 4, 8, 8) + bytes(range(256))
    return [images, gzip.compress(images, mtime=0)]


def _read_idx(data: bytes, folder: Path) -> Content:
    packed = ".gz" if data[:2] == b"\x1f\x8b" else ""
    path = folder / f"t10k-images-idx3-ubyte{packed}"
    path.write_bytes(data)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, 4) + bytes(4))
    return read_dataset(path)


def _whole(seed: bytes) -> tuple[int, int]:
    return 0, len(seed)


PARSERS: Sequence[Parser] = (
    Parser(
        "zip", _zips, reader("x.zip"), (zip_members((raw, text)), zip_headers, zip_stream),
        covered=_whole,
    ),
    Parser("tar", _tars, reader("x.tar"), (tar_members((raw, text)),)),
    Parser("tar.gz", _gzipped_tars, reader("x.tar.gz"), (tar_members((raw,)),), covered=_whole),
    Parser("cifar-pickle", _batches, _read_batch, (pickle_opcodes, pickle_opcodes)),
    Parser("cifar-archive", _cifar_archives, reader("x.tar.gz"), (tar_members((raw, pickle_opcodes)),)),
    Parser(
        "tfrecord", lambda: [framed(_records())], reader("x.tfrecord"), (_inside_records, _inside_records), covered=_whole
    ),
    Parser("idx", _idx, _read_idx),
)  # fmt: skip
