"""Which images the row of a table means."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.core.datasets.file_names import folder_of, is_image_name, normal_name
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.folder_files import FolderFiles
from dashboard.core.datasets.labelling import by_labels_file
from dashboard.core.datasets.labels_file import read_labels_file
from dashboard.core.datasets.tables import read_tables

FILES = ("1.png", "1.jpg", "1.x.png", "2.PNG", "2.txt", "1")
FOLDERS = ("", "a/", "b/", "a/b/", "b/a/", "a/a/", "train/a/")


def compared_with_each(names: list[str], file: str, folder: str) -> list[int]:
    """The rule, without an index: each image is compared with the row."""
    path, normal = normal_name(file), [normal_name(name) for name in names]
    for whole in (f"{folder}/{path}" if folder else path, path):
        if found := [i for i, name in enumerate(normal) if name == whole]:
            return found
    last = [name.rpartition("/")[2] for name in normal]
    without = [name.rpartition(".")[0] if is_image_name(name) else "" for name in last]
    wanted = path.rpartition("/")[2]
    same = [i for i, name in enumerate(last) if name == wanted]
    same = same or [i for i, name in enumerate(without) if name == wanted]
    return [i for i in same if ends_alike(normal[i], path) or ends_alike(normal[i].rpartition(".")[0], path)]


def ends_alike(one: str, other: str) -> bool:
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def test_rows_find_the_same_images_as_if_each_was_compared() -> None:
    choice = random.Random(7)
    places = [folder + file for folder in FOLDERS for file in FILES]
    ways = {0: 0, 1: 0, 2: 0}
    for _ in range(300):
        names = choice.choices(places, k=choice.randint(1, 12))
        find = Finder(names)
        for _ in range(20):
            row = choice.choice(["", "", "./", "/", "c/", "/data/"]) + choice.choice(FOLDERS) + choice.choice(FILES)
            row = row.removesuffix(choice.choice(["", ".png", ".jpg", ".PNG"]))
            row = row.replace("/", choice.choice(["/", "/", "\\"]))
            folder = folder_of(choice.choice(FOLDERS))
            expected = compared_with_each(names, row, folder)
            expected = expected or compared_with_each([n.lower() for n in names], row.lower(), folder)
            assert sorted(find(row, folder).tolist()) == expected, (names, row, folder)
            ways[min(len(expected), 2)] += 1
    assert min(ways.values()) > 500, ways


@pytest.mark.parametrize("file", ["", "/", "a/", "./"])
def test_a_row_without_a_file_name_means_no_image(file: str) -> None:
    assert not len(Finder(["a/1", "a/1.png"])(file))
    assert not len(Finder([])(file))


def test_the_folder_of_a_table_is_found_however_its_accents_are_written() -> None:
    find = Finder(["caf\u00e9/1.png", "b/1.png"])
    assert find("1.png", folder_of("cafe\u0301/labels.csv")).tolist() == [0]


def test_a_second_index_is_built_only_for_names_with_capitals() -> None:
    lower, upper = Finder(["a/1.png", "b/2.png"]), Finder(["a/1.PNG", "b/2.png"])
    assert lower("B/2.PNG").tolist() == upper("B/2.PNG").tolist() == [1]
    assert lower._in_any_case is lower and upper._in_any_case is not upper


@pytest.mark.parametrize("before", ["/data/export/", ""], ids=["absolute", "without-the-top-folder"])
def test_many_files_of_the_same_name_are_matched_in_seconds(before: str) -> None:
    patients = [f"patient{i:05}" for i in range(20_000)]
    names = [f"export/{patient}/image.png" for patient in patients]
    data = ("file,label\n" + "".join(f"{before}{p}/image.png,{i % 10}\n" for i, p in enumerate(patients))).encode()
    table = read_labels_file(data, "labels.csv", set())
    start = time.process_time()
    labelling = by_labels_file(names, table)
    assert time.process_time() - start < 3
    assert labelling.samples.counts.tolist() == [2_000] * 10


def test_many_rows_that_mean_many_images_are_told_in_seconds() -> None:
    names = ["first.png", *(f"{i}/image.png" for i in range(20_000))]
    data = ("file,label\nfirst.png,cat\n" + "image.png,dog\n" * 20_000).encode()
    table = read_labels_file(data, "labels.csv", set())
    start = time.process_time()
    labelling = by_labels_file(names, table)
    assert time.process_time() - start < 3
    assert not labelling.faults and labelling.samples.counts.tolist() == [1]
    assert "20,000 rows of labels.csv fit several images each, so they give no label: image.png." in labelling.notes[-1]


def test_images_are_indexed_once_for_all_tables(tmp_path: Path) -> None:
    class Images(list[str]):
        walks = 0

        def __iter__(self) -> Iterator[str]:
            self.walks += 1
            return super().__iter__()

    names = [f"{i}.csv" for i in range(3)]
    for name in names:
        (tmp_path / name).write_text("file,label\n1.png,cat\n2.png,dog\n")
    source = FolderFiles(tmp_path, names)

    def walks(count: int) -> int:
        images = Images(["a/1.png", "a/2.png"])
        found = read_tables(source, range(count), images)
        assert [table.matched for table in found.values()] == [2] * count
        return images.walks

    assert walks(3) == walks(1) and walks(0) == 0
