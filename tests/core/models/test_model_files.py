"""What people give as a model: files, folders and ZIPs of every kind."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from dashboard.core.errors import ModelError
from dashboard.core.models import model_files
from dashboard.core.models.model_files import TakenModel, take_model
from tests.core.closed_zips import encrypted, with_method

HDF5, KERAS = b"\x89HDF\r\n\x1a\nweights", {"config.json": b"{}", "model.weights.h5": b"h5", "metadata.json": b"{}"}


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def unzipped(path: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def taken(given: Path, tmp_path: Path) -> tuple[TakenModel, Path]:
    target = tmp_path / "taken"
    return take_model(given, target), target


def refused(given: Path, tmp_path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        take_model(given, tmp_path / "taken")
    assert caught.value.code in ("model_format", "model_damaged") and caught.value.fix
    return caught.value


@pytest.mark.parametrize("pack", [zipped, unzipped])
@pytest.mark.parametrize("folder", ["", "converted_keras/"])
def test_teachable_machine(pack: Any, folder: str, tmp_path: Path) -> None:
    members = {f"{folder}keras_model.h5": HDF5, f"{folder}labels.txt": b"0 cat\n1 sea horse\n", "__MACOSX/._x.h5": b"x"}
    found, target = taken(pack(tmp_path / "given", members), tmp_path)
    assert target.read_bytes() == HDF5 and found.n_bytes == len(HDF5)
    assert found.class_names == ("cat", "sea horse")
    assert found.notes == (
        f"The model is {folder}keras_model.h5 in given.",
        "The class names are from labels.txt beside the model: cat, sea horse.",
    )


@pytest.mark.parametrize("pack", [zipped, unzipped])
def test_an_unpacked_keras_file(pack: Any, tmp_path: Path) -> None:
    found, target = taken(pack(tmp_path / "given", {f"model/{name}": data for name, data in KERAS.items()}), tmp_path)
    with zipfile.ZipFile(target) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == KERAS
    assert found.notes == ("given holds a .keras file that was unpacked.",)


@pytest.mark.parametrize("pack", [zipped, unzipped])
def test_a_saved_model(pack: Any, tmp_path: Path) -> None:
    files = {
        "saved_model.pb": b"graph",
        "variables/variables.index": b"i",
        "variables/variables.data-00000-of-00001": b"w",
    }
    _, target = taken(pack(tmp_path / "given", {**files, "assets/secret.txt": b"x"}), tmp_path)
    assert {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()} == files


def test_a_keras_file_is_copied_as_it_is(tmp_path: Path) -> None:
    given = zipped(tmp_path / "m.keras", KERAS)
    found, target = taken(given, tmp_path)
    assert target.read_bytes() == given.read_bytes() and found.class_names is None


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("m.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite model"),
        ("m.onnx", b"\x08\x07\x12", "an ONNX model"),
        ("m.pth", b"\x80\x02", "a PyTorch model"),
        ("m.pb", b"\x08\x01", "a TensorFlow graph without its folder"),
        ("m.json", b'{"class_name": "Sequential"}', "holds no weights"),
        ("m.keras", b"hello", "neither a .keras nor an .h5 file"),
        ("m.keras", b"", "is empty"),
        ("m.keras", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        ("m.keras", b"<!DOCTYPE html><title>Not found</title>", "a web page"),
        ("m.keras", b"PK\x03\x04cut off", "damaged or cut off"),
    ],
)
def test_files_that_are_no_keras_models(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert said in refused(tmp_path / name, tmp_path).message


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"archive/data.pkl": b"x", "archive/version": b"3"}, "a PyTorch model"),
        ({"model.json": b"{}", "group1-shard1of1.bin": b"x"}, "a TensorFlow.js model"),
        ({"model.index": b"x", "model.data-00000-of-00001": b"x"}, "weights only"),
        ({"model.json": b"{}", "model.weights.h5": HDF5}, "weights only"),
        ({"cat/1.png": b"x"}, "no model"),
        ({"a.h5": HDF5, "b.h5": HDF5}, "several models: a.h5, b.h5"),
    ],
)
def test_zips_without_one_keras_model(members: dict[str, bytes], said: str, tmp_path: Path) -> None:
    assert said in refused(zipped(tmp_path / "m.zip", members), tmp_path).message


def test_a_file_in_a_zip_that_unpacks_to_more_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "MAX_FILE_BYTES", 2**20)
    given = tmp_path / "m.zip"
    with zipfile.ZipFile(given, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.h5", HDF5 + bytes(2**21))
    with pytest.raises(ModelError, match="larger than") as caught:
        take_model(given, tmp_path / "taken")
    assert caught.value.code == "too_large"
    with zipfile.ZipFile(given, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/config.json", "{}")
        archive.writestr("x/model.weights.h5", bytes(2**21))
    with pytest.raises(ModelError, match="larger than"):
        take_model(given, tmp_path / "taken")


@pytest.mark.parametrize(
    ("file", "data"), [("labels.txt", b"cat\ndog\n"), ("class_indices.json", b'{"dog": 1, "cat": 0}')]
)
@pytest.mark.parametrize("model", ["m.keras", "m.h5"])
def test_class_names_beside_a_single_file(file: str, data: bytes, model: str, tmp_path: Path) -> None:
    given = zipped(tmp_path / model, KERAS)
    if model == "m.h5":
        given.write_bytes(HDF5)
    (tmp_path / file).write_bytes(data)
    found, _ = taken(given, tmp_path)
    assert found.class_names == ("cat", "dog")
    assert found.notes == (f"The class names are from {file} beside the model: cat, dog.",)
    assert take_model(given, tmp_path / "taken", read_names=False).class_names is None


def test_several_files_of_class_names_must_agree(tmp_path: Path) -> None:
    given = zipped(tmp_path / "m.keras", KERAS)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    (tmp_path / "class_indices.json").write_text('{"cat": 0, "dog": 1}')
    assert taken(given, tmp_path)[0].class_names == ("cat", "dog")
    (tmp_path / "class_indices.json").write_text('{"cat": 1, "dog": 0}')
    with pytest.raises(ModelError, match=r"they differ: labels\.txt, class_indices\.json") as caught:
        take_model(given, tmp_path / "taken")
    assert caught.value.code == "class_names" and "--class-names FILE" in caught.value.fix


def test_a_labels_file_is_passed_over_if_the_names_are_known(tmp_path: Path) -> None:
    given = zipped(tmp_path / "m.zip", {"m.h5": HDF5, "labels.txt": b"caf\xe9"})
    with pytest.raises(ModelError, match=r"labels\.txt"):
        take_model(given, tmp_path / "taken")
    assert take_model(given, tmp_path / "taken", read_names=False).class_names is None


def test_a_damaged_member(tmp_path: Path) -> None:
    given = zipped(tmp_path / "m.zip", {"m.h5": HDF5 + bytes(range(256))})
    given.write_bytes(given.read_bytes().replace(b"weights", b"WEIGHTS", 1))
    assert "damaged" in refused(given, tmp_path).message


@pytest.mark.parametrize("members", [{"m.h5": HDF5}, {f"m/{name}": data for name, data in KERAS.items()}, KERAS])
def test_a_zip_that_cannot_be_unpacked_here_says_why(members: dict[str, bytes], tmp_path: Path) -> None:
    """It is not damaged, and unpacked with another program it is a folder that can be given."""
    given = zipped(tmp_path / "m.zip", members)
    content = given.read_bytes()
    with pytest.raises(ModelError, match=r"m\.zip is encrypted") as caught:
        take_model(encrypted(given), tmp_path / "taken")
    assert caught.value.code == "encrypted" and "give the folder" in caught.value.fix
    given.write_bytes(content)
    with pytest.raises(ModelError, match=r"m\.zip is compressed with Deflate64") as caught:
        take_model(with_method(given, 9), tmp_path / "taken")
    assert caught.value.code == "zip_method" and "`unzip m.zip -d m`" in caught.value.fix
    assert taken(unzipped(tmp_path / "m", members), tmp_path)[0].n_bytes > 0


def test_a_member_that_is_not_needed_does_not_matter(tmp_path: Path) -> None:
    given = zipped(tmp_path / "m.zip", {"m.h5": HDF5, "readme.md": b"hello"})
    assert taken(with_method(given, 9, "readme.md"), tmp_path)[1].read_bytes() == HDF5
