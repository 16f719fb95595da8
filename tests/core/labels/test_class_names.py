"""Class names in the forms in which people have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.errors import ModelError
from dashboard.core.labels.class_names import check_class_names, class_names_in, read_class_names

ABC = ("cat", "dog", "sea horse")


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("labels.txt", "0 cat\n1 dog\n2 sea horse\n", ABC),
        ("labels.txt", "2: sea horse\n0: cat\n1: dog\n", ABC),
        ("labels.txt", "1 cat\n2 dog\n3 sea horse", ABC),
        ("labels.txt", "cat\n\ndog\nsea horse\n", ABC),
        ("labels.txt", "1 euro\n2 euro\n5 euro\n", ("1 euro", "2 euro", "5 euro")),  # not numbered
        ("labels.txt", "0\n1\n2\n", ("0", "1", "2")),
        ("class_indices.json", '{"dog": 1, "sea horse": 2, "cat": 0}', ABC),
        ("names.json", '["cat", "dog", "sea horse"]', ABC),
        ("index.json", '{"0": ["n02121620", "cat"], "1": ["n02084071", "dog"], "2": ["n01", "sea horse"]}', ABC),
        ("config.json", '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog", "2": "sea horse"}}', ABC),
        ("classes.csv", "id,name\n1,dog\n0,cat\n2,sea horse\n", ABC),
        ("classes.csv", ",class\n0,cat\n1,dog\n2,sea horse\n", ABC),
        ("classes.csv", "0;cat\n1;dog\n2;sea horse\n", ABC),
        ("classes.csv", "class\ncat\ndog\nsea horse\n", ABC),
        ("classes.csv", "cat\ndog\nsea horse\n", ABC),
        ("classes.csv", "label,name\n1,dog\n0,cat\n2,sea horse\n", ABC),
        ("classes.csv", "class,label\n1,dog\n0,cat\n2,sea horse\n", ABC),
        ("classes.csv", "dog,1\ncat,0\nsea horse,2\n", ABC),
        ("labels.txt", "dog 1\ncat 0\nsea horse 2\n", ABC),
        ("labels.txt", "Class 1\nClass 2\nClass 3\n", ("Class 1", "Class 2", "Class 3")),
        ("classes.tsv", "index\tlabel\n0\tcat\n1\tdog\n2\tsea horse\n", ABC),
    ],
)
def test_forms(name: str, text: str, names: tuple[str, ...]) -> None:
    assert class_names_in(text.encode(), name) == names
    assert class_names_in(text.encode("utf-16"), name) == names


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.json", b'{"cat": 0, "dog": 3}', "not 0 to 1"),
        ("a.json", b'{"cat": "x"}', "neither a list of names"),
        ("a.json", b"[1, 2]", "neither a list of names"),
        ("a.json", b"{", "a.json"),
        ("a.csv", b"x,y,z\n1,2,3\n", "not clear which of its columns"),
        ("a.csv", b"idx,name\n0\n", "not equally long"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"id,name\n", "only names of columns"),
        ("a.txt", b"\n", "empty"),
        ("a.json", b'{"cat": 0, "kitty": 0}', "one number several names"),
        ("a.json", b'{"cat": false, "dog": true}', "neither a list of names"),
        ("a.txt", b"caf\xe9\n", "a.txt"),
        ("a.txt", b"5 cat\n7 dog\n", "not 0 to 1"),
        ("a.txt", b"These are the classes of my model:\ncat\ndog\n", "sentences rather than names"),
    ],
)
def test_other_content_is_refused(name: str, data: bytes, said: str) -> None:
    with pytest.raises(ModelError, match=said) as refused:
        class_names_in(data, name)
    assert refused.value.code == "class_names" and "one name per line" in refused.value.fix


def test_names_that_imagenet_gives_twice_are_told_apart_by_their_ids() -> None:
    data = b'{"0": ["n02012849", "crane"], "1": ["n01440764", "tench"], "2": ["n03126707", "crane"]}'
    assert class_names_in(data, "imagenet_class_index.json") == ("crane (n02012849)", "tench", "crane (n03126707)")


def test_names_that_occur_twice_are_named() -> None:
    with pytest.raises(ModelError, match="occur more than once: 'crane'"):
        check_class_names(("crane", "tench", "crane"))


def test_arguments(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("0 cat\n1 dog\n", encoding="utf-8")
    assert read_class_names(str(tmp_path / "labels.txt")) == ("cat", "dog")
    assert read_class_names("cat, dog") == ("cat", "dog")
    assert len(read_class_names(",".join(f"class number {i}" for i in range(100)))) == 100  # too long for a file's name
    with pytest.raises(ModelError, match="No such file"):
        read_class_names(str(tmp_path / "absent.json"))
