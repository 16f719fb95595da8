"""Labels as other datasets write them: numbers before names, and ids of WordNet."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.matching import match_labels
from dashboard.core.labels.synsets import match_synsets, synset_name


@pytest.mark.parametrize("label", ["001.Airplane", "1_airplane", "01-plane", "1 airplane", "n02691156-airplane"])
def test_a_number_before_the_name_is_passed_over(label: str) -> None:
    mapping = match_labels([label, "002.Dog"], CLASS_NAMES)
    assert mapping.class_of == {label: "airplane", "002.Dog": "dog"} and mapping.unknown == ()
    assert any(f"{label} is airplane" in note for note in mapping.notes)


def test_two_numbers_of_one_name_are_not_told_apart() -> None:
    assert match_labels(["1.cat", "2.cat", "dog"], CLASS_NAMES).unknown == ("1.cat", "2.cat")
    assert match_labels(["1.cat", "cat"], CLASS_NAMES).unknown == ("1.cat",)


def test_a_class_that_has_a_number_itself_comes_first() -> None:
    assert match_labels(["1.cat"], ["1.cat", "cat"]).class_of == {"1.cat": "1.cat"}
    assert match_labels(["Cat"], ["001.Cat", "002.Dog"]).class_of == {"Cat": "001.Cat"}


def test_what_has_no_name_behind_the_number_stays_unknown() -> None:
    assert match_labels(["1.2", "12-34", "3.zebra"], CLASS_NAMES).unknown == ("1.2", "12-34", "3.zebra")


def test_ids_of_wordnet_match_by_their_names_and_what_they_are_a_kind_of() -> None:
    mapping = match_labels(["n02084071", "n02958343", "n02123045", "n07734744"], CLASS_NAMES)
    assert mapping.class_of == {"n02084071": "dog", "n02958343": "automobile", "n02123045": "cat"}
    assert mapping.unknown == ("n07734744",) and synset_name("n07734744") == "mushroom"
    assert mapping.notes == (
        "Labels are read as ids of WordNet: n02084071 is dog; n02123045 is tabby, used as cat; n02958343 is car, used as automobile.",
    )


def test_a_name_may_follow_the_id_and_a_class_may_have_several_names() -> None:
    assert match_labels(["n02085620-Chihuahua", "n02099601_golden_retriever"], CLASS_NAMES).class_of == {
        "n02085620-Chihuahua": "dog", "n02099601_golden_retriever": "dog",
    }  # fmt: skip
    imagenet = ("tench, Tinca tinca", "goldfish, Carassius auratus")
    assert match_labels(["n01440764", "Tench"], imagenet).class_of == dict.fromkeys(("n01440764", "Tench"), imagenet[0])


def test_two_meanings_of_one_word_are_asked_about() -> None:
    """A crane is a bird and a machine."""
    called = {"crane": "crane", "object": "object"}.get
    assert match_synsets(["n02012849", "n03126707"], called).class_of == {}
    assert match_synsets(["n02012849"], called).class_of == {"n02012849": "crane"}


def test_what_is_no_id_of_wordnet() -> None:
    assert [synset_name(label) for label in ("n99999999", "n0208407", "dog", "02084071")] == [""] * 4
    assert match_labels(["n99999999"], CLASS_NAMES).unknown == ("n99999999",)


@pytest.mark.parametrize("name", ["cub", "synset"])
def test_datasets_from_the_field(shared_dir: Path, name: str) -> None:
    path = shared_dir / "cases" / "data" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    mapping = match_labels(open_dataset(path).samples.labels, CLASS_NAMES)
    assert mapping.unknown == () and len(set(mapping.class_of.values())) == 8
