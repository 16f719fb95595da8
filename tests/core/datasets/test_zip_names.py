"""Names in ZIP archives whose encoding the archive does not tell."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.zip_names import read_names
from dashboard.core.errors import DatasetError
from tests.conftest import encoded, picture


def foreign_zip(path: Path, folders: list[bytes], extra: bytes = b"", table: bytes = b"") -> Path:
    """A ZIP as other programs write it: names are these bytes, and the flag for UTF-8 is not set.

    It is written by hand, since zipfile marks every name beyond ASCII as UTF-8.
    """
    body, directory = b"", b""
    members = [(b"%b/%d.png" % (folder, i), encoded(picture(i))) for i, folder in enumerate(folders)]
    for name, data in [*members, (b"labels.csv", table)] if table else members:
        sizes = struct.pack("<LLLHH", zlib.crc32(data), len(data), len(data), len(name), len(extra))
        directory += b"PK\1\2" + struct.pack("<HHHHHH", 20, 20, 0, 0, 0, 33) + sizes
        directory += struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name + extra
        body += b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 0, 0, 33) + sizes + name + extra + data
    count = len(folders) + bool(table)
    end = struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\5\6" + end)
    return path


def labels(dataset: Dataset) -> list[str | None]:
    for sample in dataset.samples:
        assert dataset.image(sample.index).shape[2] == 3, "the members are still found"
    return [sample.label for sample in dataset.samples]


@pytest.mark.parametrize(
    "encoding, names",
    [
        ("utf-8", ["Kätzchen", "Hündin"]),
        ("gbk", ["数据", "猫", "狗"]),
        ("cp932", ["ねこ", "いぬ"]),
        ("cp932", ["飛行機", "自動車"]),
        ("cp949", ["고양이", "강아지"]),
        ("big5", ["資料", "飛機"]),
        ("cp437", ["Kätzchen", "Hündin", "Straße"]),
        ("cp1252", ["pájaro", "niño"]),
        ("cp1251", ["кошка", "собака"]),
        ("cp866", ["кошка", "собака"]),
        ("cp852", ["kočka", "kůň"]),
    ],
)
def test_names_of_other_programs_are_read(tmp_path: Path, encoding: str, names: list[str]) -> None:
    path = foreign_zip(tmp_path / "photos.zip", [name.encode(encoding) for name in names])
    dataset = open_dataset(path)
    assert labels(dataset) == names
    [question] = dataset.questions
    assert (question.topic, question.certain) == ("zip_encoding", encoding == "utf-8")
    assert names[0] in dataset.notes[0] and ("guessed" in dataset.notes[0]) is (encoding != "utf-8")
    assert any(answer.value == question.chosen and names[0] in answer.meaning for answer in question.answers)


def test_the_examples_are_evaluated_images(tmp_path: Path) -> None:
    hidden = [f"__MACOSX/{name}".encode() for name in ("Dörfer", "Küsten")]
    dataset = open_dataset(foreign_zip(tmp_path / "photos.zip", [*hidden, "Vögel".encode(), "Frösche".encode()]))
    [question], examples = dataset.questions, "Vögel, Frösche"
    assert dataset.notes == (f"Names in the ZIP are UTF-8, such as {examples}.",)
    assert question.answers[0].meaning == examples
    only_hidden = open_dataset(foreign_zip(tmp_path / "mac.zip", [*hidden, b"cat"]))
    assert only_hidden.questions == () and labels(only_hidden) == ["cat"]
    members = [zipfile.ZipInfo(name.encode("cp850").decode("cp437")) for name in ("Übersicht.txt", "Vögel/1.png")]
    assert read_names("photos.zip", members).note.endswith("such as Vögel.")
    assert read_names("photos.zip", members[:1]).note.endswith("such as Übersicht.txt.")


def test_the_user_can_say_the_encoding(tmp_path: Path) -> None:
    path = foreign_zip(tmp_path / "photos.zip", ["猫".encode("gbk"), "狗".encode("gbk")])
    guessed, chosen = open_dataset(path), open_dataset(describe(path, Choices(zip_encoding="cp949"), tmp_path))
    assert labels(guessed) == ["猫", "狗"] and labels(chosen) == ["챔", "뭍"] != labels(guessed)
    assert "as chosen" in chosen.notes[0] and chosen.fingerprint != guessed.fingerprint
    assert labels(open_dataset(path, Choices(zip_encoding="gbk"))) == ["猫", "狗"]
    for wrong in ("latin99", "ascii", "base64"):
        with pytest.raises(DatasetError, match="cannot be read as") as refused:
            open_dataset(path, Choices(zip_encoding=wrong))
        assert refused.value.code == "choice" and "--zip-encoding gb18030" in refused.value.fix


def test_the_extra_field_of_info_zip_tells_the_name(tmp_path: Path) -> None:
    raw = "K\N{LATIN SMALL LETTER A WITH DIAERESIS}tze".encode("cp437") + b"/0.png"
    body = struct.pack("<BL", 1, zlib.crc32(raw)) + "猫/0.png".encode()
    extra = struct.pack("<HH", 0x7075, len(body)) + body
    dataset = open_dataset(foreign_zip(tmp_path / "photos.zip", [raw.partition(b"/")[0]], extra))
    assert labels(dataset) == ["猫"] and dataset.questions == ()


def test_plain_names_raise_no_question(tmp_path: Path) -> None:
    path = foreign_zip(tmp_path / "photos.zip", [b"cat"])
    assert open_dataset(path).questions == () and open_dataset(path).notes == ()
    with pytest.raises(DatasetError, match="needs no encoding"):
        open_dataset(path, Choices(zip_encoding="gbk"))


def test_a_table_that_names_garbled_in_a_chosen_encoding_do_not_fit_is_not_blamed_alone(tmp_path: Path) -> None:
    names = ["K\u00e4tzchen", "H\u00fcndin"]
    table = f"file;label\n{names[0]}/0.png;cat\n{names[1]}/1.png;dog\n".encode("cp1252")
    path = foreign_zip(tmp_path / "photos.zip", [name.encode("cp437") for name in names], table=table)
    assert labels(open_dataset(path, Choices(zip_encoding="cp437", labels="labels.csv"))) == ["cat", "dog"]
    with pytest.raises(DatasetError) as caught:
        open_dataset(path, Choices(zip_encoding="koi8_r", labels="labels.csv"))
    fix = caught.value.fix
    assert "Save it as UTF-8" in fix and "--zip-encoding if names in photos.zip are garbled" in fix


@pytest.mark.parametrize("name, found", [("utf8_noflag.zip", "Kätzchen"), ("gbk.zip", "猫")])
def test_archives_from_the_field(shared_dir: Path, name: str, found: str) -> None:
    path = shared_dir / "cases" / "data" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    assert found in labels(open_dataset(path))
