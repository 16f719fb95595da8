"""Files of all kinds among images: which are read, and why the others are not."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pillow_heif
import pyarrow as pa
import pytest
from pyarrow import feather

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.uploads import LOOSE_FILES
from dashboard.core.errors import DatasetError, ImageError, commands_in
from tests.conftest import MakeZip, encoded, picture
from tests.core.closed_zips import encrypted, with_method

pillow_heif.register_heif_opener()  # to write such files

HEIC, AVIF = encoded(picture(1, 64, 64), "HEIF"), encoded(picture(1, 64, 64), "AVIF")


def reason(dataset: Dataset, name: str) -> ImageError:
    [index] = [sample.index for sample in dataset.samples if sample.name == name]
    with pytest.raises(ImageError) as caught:
        dataset.image(index)
    return caught.value


def labels(dataset: Dataset) -> dict[str, str | None]:
    return {sample.name: sample.label for sample in dataset.samples}


def test_images_are_read_whatever_their_names_say(make_zip: MakeZip) -> None:
    files = {
        "cat/IMG_0001.HEIC": HEIC, "cat/a.heif": HEIC, "cat/b.avif": AVIF, "cat/heic.jpg": HEIC, "cat/avif.png": AVIF,
        "cat/jpeg.heic": encoded(picture(1, 64, 64), "JPEG"), "cat/x.jpe": encoded(picture(1, 64, 64), "JPEG"),
        "cat/x.ppm": encoded(picture(1, 64, 64), "PPM"),
    }  # fmt: skip
    dataset = open_dataset(make_zip({}, extra=files))
    assert labels(dataset) == dict.fromkeys(files, "cat")
    for i in range(len(files)):
        difference = dataset.image(i).astype(int) - picture(1, 64, 64)
        assert np.abs(difference).mean() < 8


def test_a_file_without_an_extension_is_an_image_if_it_begins_like_one(make_zip: MakeZip) -> None:
    files = {"cat/0a1b": encoded(picture(0)), "cat/LICENSE": b"MIT License", "dog/0c.d/ff": HEIC, "dog/empty": b""}
    dataset = open_dataset(make_zip({}, extra=files))
    assert labels(dataset) == {"cat/0a1b": "cat", "dog/0c.d/ff": "0c.d", "dog/empty": None}
    assert np.array_equal(dataset.image(0), picture(0)) and dataset.image(1).shape == (64, 64, 3)
    assert reason(dataset, "dog/empty").message == "Files without an extension are ignored."
    assert dataset.notes == ("1 file that is not an image is ignored: cat/LICENSE.",)


def test_documents_and_files_about_an_image_are_no_failed_images(make_zip: MakeZip) -> None:
    files = {
        "images/cat/1.png": encoded(picture(0)),
        "images/cat/2": encoded(picture(1)),
        "images/cat/3.png": encoded(picture(2)),
    }
    others = {"about.docx": b"PK", "classes.names": b"cat\n", "annotation/cat/1": b"<annotation/>"}
    dataset = open_dataset(make_zip({}, extra=files | others | {"annotation/cat/9": b"<annotation/>"}))
    assert [*labels(dataset)] == [*files, "annotation/cat/9"] and np.array_equal(dataset.image(1), picture(1))
    assert dataset.notes == ("3 files that are not images are ignored: about.docx, classes.names, annotation/cat/1.",)


BESIDE = {
    "cat/IMG_1.MOV": b"\0\0\0\x14ftypqt  " + bytes(99), "cat/IMG_1.AAE": b"<?xml version='1.0'?><plist/>",
    "cat/film.mp4": b"\0\0\0\x20ftypisom" + bytes(90), "Link.url": b"[InternetShortcut]\nURL=x", "dog/Blatt.pdf": b"%PDF-1.7\n",
}  # fmt: skip


def test_films_and_edits_of_a_phone_links_and_pdfs_are_no_failed_images(make_zip: MakeZip) -> None:
    photos = {"cat/IMG_1.JPG": encoded(picture(0), "JPEG"), "dog/IMG_2.JPG": encoded(picture(1), "JPEG")}
    dataset = open_dataset(make_zip({}, extra=photos | BESIDE))
    assert labels(dataset) == {"cat/IMG_1.JPG": "cat", "dog/IMG_2.JPG": "dog"}
    [note] = dataset.notes
    assert note.startswith("5 files that are not images are ignored: ") and all(name in note for name in BESIDE)


def test_what_may_be_taken_for_an_image_is_still_counted(make_zip: MakeZip) -> None:
    others = {
        "cat/a.psd": b"8BPS" + bytes(90),
        "cat/b.DNG": b"II*\0" + bytes(90),
        "cat/noext": b"x",
        "cat/c.heic": b"x",
    }
    dataset = open_dataset(make_zip({"cat": 1}, extra=others))
    assert set(labels(dataset)) == {"cat/0.png", *others}


def test_a_film_that_a_table_names_is_counted(make_zip: MakeZip) -> None:
    photos = {"IMG_1.JPG": encoded(picture(0), "JPEG"), "IMG_2.JPG": encoded(picture(1), "JPEG")}
    films = {f"IMG_{i}.MOV": BESIDE["cat/IMG_1.MOV"] for i in (1, 2)}
    table = b"file,label\nIMG_1,cat\nIMG_2.JPG,dog\nIMG_2.MOV,dog\n"
    dataset = open_dataset(make_zip({}, extra=photos | films | {"labels.csv": table}))
    assert labels(dataset) == {"IMG_1.JPG": "cat", "IMG_2.JPG": "dog", "IMG_2.MOV": "dog"}
    assert "film" in reason(dataset, "IMG_2.MOV").message
    assert (
        "1 file that is not an image is ignored: IMG_1.MOV." in dataset.notes and dataset.samples.n_without_image == 0
    )


def test_files_without_extensions_and_a_labels_file(make_zip: MakeZip, tmp_path: Path) -> None:
    files = {"0a1b": encoded(picture(0)), "0c2d": encoded(picture(1)), "labels.csv": b"id,label\n0a1b,cat\n0c2d,dog\n"}
    dataset = open_dataset(make_zip({}, extra=files))
    assert labels(dataset) == {"0a1b": "cat", "0c2d": "dog"} and np.array_equal(dataset.image(1), picture(1))
    for name, data in files.items():
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    assert labels(open_dataset(tmp_path / "folder")) == {"0a1b": "cat", "0c2d": "dog"}


@pytest.mark.parametrize(
    "name, data, what",
    [
        ("cat/a.jp2", encoded(picture(1), "JPEG2000"), "a JPEG 2000 image"),
        ("cat/a.ico", encoded(picture(1), "ICO"), "an icon"),
        ("cat/a.svg", b"<svg/>", "a drawing (SVG)"),
        ("cat/a.dcm", bytes(128) + b"DICM", "a DICOM file"),
        ("cat/a.CR2", b"II*\0\x10\0\0\0CR\2\0" + bytes(90), "raw file (CR2)"),
        ("cat/a.NEF", encoded(picture(1), "TIFF"), "named like a camera's raw file"),
        ("cat/a.tga", b"\0\0\2" + b"\x80" * 90, "named like a Targa image"),
        ("cat/a.jpg", b"<html><body>404</body></html>", "a web page (HTML)"),
        ("cat/a.png", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("cat/a.webp", bytes(999), "zeros only"),
    ],
)
def test_other_files_are_refused_with_the_true_reason_and_a_way_out(
    make_zip: MakeZip, name: str, data: bytes, what: str
) -> None:
    dataset = open_dataset(make_zip({"cat": 1}, extra={name: data}))
    error = reason(dataset, name)
    assert what in error.message and error.fix and error.code == "not_an_image"
    assert np.array_equal(dataset.image(0), picture(0))


def test_an_image_whose_name_says_something_else_is_told_how_to_be_called(make_zip: MakeZip) -> None:
    files = {"cat/a.jp2": encoded(picture(1), "JPEG"), "cat/b.php": encoded(picture(1)), "cat/c.xyz": b"{}"}
    dataset = open_dataset(make_zip({"cat": 1}, extra=files))
    assert reason(dataset, "cat/a.jp2").message == "The file is a JPEG image, but its name ends in .jp2."
    assert reason(dataset, "cat/b.php").fix == "Let its name end in .png."
    assert reason(dataset, "cat/c.xyz").message == ".xyz files are ignored."


@pytest.mark.parametrize(
    "files, said",
    [
        ({"cat/a.dcm": bytes(128) + b"DICM", "cat/b.txt": b"x"}, "cat/a.dcm: The file is a DICOM file"),
        ({"cat/a.cr2": b"II*\0\x10\0\0\0CR\2\0"}, "raw file (CR2)"),
        ({"a.php": encoded(picture(1))}, "but its name ends in .php"),
        ({"inner.zip": b"PK\3\4"}, "such as inner.zip"),
        ({"a.txt": b"x"}, "holds no images, only a.txt."),
    ],
)
def test_a_dataset_of_such_files_alone_says_what_they_are(
    make_zip: MakeZip, files: dict[str, bytes], said: str
) -> None:
    with pytest.raises(DatasetError) as caught:
        open_dataset(make_zip({}, extra=files))
    assert caught.value.code == "no_images" and said in caught.value.message and caught.value.fix


@pytest.mark.parametrize(
    "files, fix",
    [
        (["cat.npy", "dog.npy"], "images.npy"),
        (["images_0.npy", "labels_0.npy"], "images.npy"),
        (["batches.meta.txt", "test_batch.bin"], "the Python version of CIFAR-10"),
        (["class_names.txt", "test_X.bin", "test_y.bin"], "STL-10's binary files are not read. Save them as arrays"),
        (["batches.meta", "test_batch"], "`tar -czf cifar10.tar.gz test_batch`"),
        (["dataset_info.json", "data-00000-of-00001.arrow"], "as Parquet"),
        (["a.feather"], "as Parquet"),
        (["a.h5"], "Images in HDF5 are not read: save them as files, one folder per class"),
        (["model.keras"], "`python -m dashboard models add FILE --name NAME`"),
    ],
)
def test_files_of_images_in_other_formats_are_named_with_what_is_read(
    tmp_path: Path, files: list[str], fix: str
) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"\x80\4x" * 90)
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path)
    assert f"holds no images, only {', '.join(sorted(files))}." in caught.value.message and fix in caught.value.fix


@pytest.mark.parametrize("name", ["a.arrow", "a.feather"])
def test_the_way_from_arrow_to_parquet_works_to_the_letter(tmp_path: Path, name: str) -> None:
    table = pa.table({"image": pa.array([encoded(picture(i)) for i in range(2)], pa.binary()), "label": ["cat", "dog"]})
    if name == "a.feather":
        feather.write_feather(table, tmp_path / name)
    else:
        with pa.OSFile(str(tmp_path / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path / name)
    code = caught.value.fix.split('"')[1]
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert [sample.label for sample in open_dataset(tmp_path / "a.parquet").samples] == ["cat", "dog"]


def test_a_single_file_is_opened_or_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "noext").write_bytes(encoded(picture(1), "JPEG"))
    assert len(open_dataset(tmp_path / "noext").samples) == 1
    for name, data, said in (
        ("a.jp2", encoded(picture(1), "JPEG2000"), "JPEG 2000"),
        ("README", b"hello", "supported format"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DatasetError, match=said):
            open_dataset(tmp_path / name)


def test_a_heic_can_be_uploaded() -> None:
    assert {".heic", ".avif", ".ppm"} <= set(LOOSE_FILES)


@pytest.mark.parametrize(
    "method, called",
    [(9, "Deflate64 (method 9"), (95, "XZ (method 95"), (98, "PPMd"), (77, "an unknown method (method 77")],
)
def test_a_zip_of_an_unsupported_method_is_one_message(make_zip: MakeZip, method: int, called: str) -> None:
    with pytest.raises(DatasetError) as caught:
        open_dataset(with_method(make_zip({"cat": 2, "dog": 1}), method))
    error = caught.value
    assert (
        error.code == "zip_method"
        and error.message.startswith("images.zip is compressed with ")
        and called in error.message
    )
    assert f"`{'unzip images.zip -d images' if method == 9 else '7z x images.zip -oimages'}`" in error.fix
    assert "`python -m zipfile -c again.zip images`" in error.fix


def test_a_labels_file_that_can_be_read_does_not_hide_it(make_zip: MakeZip) -> None:
    path = make_zip({"cat": 2}, extra={"labels.csv": b"file,label\n0,cat\n"})
    with pytest.raises(DatasetError, match="Deflate64"):
        open_dataset(with_method(path, 9, "cat/0.png", "cat/1.png"))


def test_some_members_of_an_unsupported_method_are_these_members_only(make_zip: MakeZip) -> None:
    dataset = open_dataset(with_method(make_zip({"cat": 2, "dog": 1}), 9, "cat/0.png", "dog/0.png"))
    first, second = reason(dataset, "cat/0.png"), reason(dataset, "dog/0.png")
    assert str(first) == str(second) and first.code == "zip_method" and "Deflate64" in first.message
    assert np.array_equal(dataset.image(1), picture(1))


def test_a_zip_that_is_encrypted_as_a_whole_is_one_message(make_zip: MakeZip) -> None:
    path = encrypted(make_zip({"cat": 2}))
    with pytest.raises(DatasetError, match=r"images\.zip is encrypted") as caught:
        open_dataset(path)
    assert caught.value.code == "encrypted"


def test_the_advice_on_stl10_works(tmp_path: Path) -> None:
    (tmp_path / "test_X.bin").write_bytes(bytes(2 * 3 * 96 * 96))
    (tmp_path / "test_y.bin").write_bytes(bytes([1, 3]))
    (tmp_path / "class_names.txt").write_text("airplane\nbird\ncar\n")
    with pytest.raises(DatasetError) as refused:
        open_dataset(tmp_path)
    [command] = commands_in(refused.value.fix)
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=tmp_path, check=True)
    dataset = open_dataset(tmp_path / "stl10.npz")
    assert [sample.label for sample in dataset.samples] == ["airplane", "car"] and dataset.image(0).shape == (96, 96, 3)


GRAY = np.random.default_rng(0).integers(0, 256, (6, 64), np.uint8)
RED_GREEN_BLUE = np.random.default_rng(1).integers(0, 256, (6, 192), np.uint8)
WORDS = ["cat", "None", "cat", "none", "dog", "None"]


def pixel_table(
    pixels: np.ndarray, column: str, labels: list[object] | None, label: str = "label", first: bool = True
) -> str:
    frame = pd.DataFrame(pixels, columns=[column.format(i) for i in range(pixels.shape[1])])
    if labels:
        frame.insert(0 if first else len(frame.columns), label, labels)
    return frame.to_csv(index=False)


TABLES = {
    "of digits": (pixel_table(GRAY, "pixel{}", [3, 5, 0, 1, 2, 9]), GRAY, list("350129")),
    "class": (pixel_table(GRAY, "pixel{}", WORDS, "class", first=False), GRAY, WORDS),
    "none": (pixel_table(GRAY, "{}", WORDS, "none", first=False), GRAY, WORDS),
    "1x1": (pixel_table(GRAY, "1x{}", [3, 5, 0, 1, 2, 9]), GRAY, list("350129")),
    "without labels": (pixel_table(GRAY, "pixel{}", None), GRAY, [None] * 6),
    "in colour": (pixel_table(RED_GREEN_BLUE, "pixel{:04}", [3, 5, 0, 1, 2, 9]), RED_GREEN_BLUE, list("350129")),
    "without header": (pixel_table(GRAY, "{}", [3, 5, 0, 1, 2, 9]).split("\n", 1)[1], GRAY, list("350129")),
    "without both": (pixel_table(GRAY, "{}", None).split("\n", 1)[1], GRAY, [None] * 6),
    "with semicolons": (pixel_table(GRAY, "{}", WORDS).replace(",", ";"), GRAY, WORDS),
    "in one column": (
        "".join(["emotion,pixels\n", *(f"{i},{' '.join(map(str, row))}\n" for i, row in enumerate(GRAY))]), GRAY, list("012345")
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("alone", [True, False])
def test_the_advice_on_pixels_in_a_table_works(tmp_path: Path, kind: str, alone: bool) -> None:
    table, pixels, labels = TABLES[kind]
    (tmp_path / "train.csv").write_text(table)
    with pytest.raises(
        DatasetError, match=r"train.csv holds pixels as numbers, which are not read from tables"
    ) as refused:
        open_dataset(tmp_path / "train.csv" if alone else tmp_path)
    [command] = commands_in(refused.value.fix)
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=tmp_path, check=True)
    dataset = open_dataset(tmp_path / "images.npz")
    assert [sample.label for sample in dataset.samples] == labels
    found = np.stack([dataset.image(i) for i in range(6)])
    shape = (6, 8, 8, -1)
    assert np.array_equal(found, np.broadcast_to(pixels.reshape(shape), (6, 8, 8, 3)))


def test_pixels_of_images_that_are_not_square_have_a_way_out_too(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(pixel_table(GRAY[:, :63].repeat(2, axis=1), "pixel{}", WORDS))
    with pytest.raises(DatasetError, match="holds pixels as numbers") as refused:
        open_dataset(tmp_path)
    assert "images of uint8 (N, height, width)" in refused.value.fix and not commands_in(refused.value.fix)


def test_the_splits_of_a_table_of_pixels_are_told(tmp_path: Path) -> None:
    rows = "".join(f"{i},{' '.join(map(str, row))},{'Training' if i else 'PublicTest'}\n" for i, row in enumerate(GRAY))
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n{rows}")
    with pytest.raises(DatasetError, match="holds pixels") as refused:
        open_dataset(tmp_path / "fer2013.csv")
    assert (
        "Its column Usage names splits: to evaluate one of them, first delete the rows of the others."
        in refused.value.fix
    )


@pytest.mark.parametrize(
    "table",
    [
        "file,label\na.png,cat\n",
        ",".join(["x"] * 100) + "\n" + ",".join(["0.5"] * 100),
        "",
        "\n\n",
        "\0" * 500,
        "a,b\n" + "9" * 5000 + ",1\n",
    ],
)
def test_other_tables_are_no_pixels(tmp_path: Path, table: str) -> None:
    (tmp_path / "x.csv").write_text(table)
    with pytest.raises(DatasetError) as refused:
        open_dataset(tmp_path / "x.csv")
    assert "pixels" not in refused.value.message
