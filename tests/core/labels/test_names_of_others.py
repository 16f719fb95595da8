"""Labels as other datasets write them: numbers before names, and ids of WordNet."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.matching import match_labels
from dashboard.core.labels.synsets import synset_name


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


BIRD, MACHINE, RODENT, DEVICE = "n02012849", "n03126707", "n02330245", "n03793489"  # two cranes, two mice


def test_two_meanings_of_one_word_are_asked_about() -> None:
    """A crane is a bird and a machine."""
    for labels in ([BIRD, MACHINE], [BIRD], [MACHINE]):
        mapping = match_labels(labels, ("crane", "object"))
        assert mapping.class_of == {} and mapping.unknown == tuple(labels)
        assert f"the name of the class has several meanings: {labels[0]} (crane) with crane" in mapping.notes[0]
    assert match_labels(["n02924116", "n04146614"], ("bus", "truck")).class_of == {}, "a school bus is some kind of bus"


@pytest.mark.parametrize(
    "classes, meant",
    [
        (("cat", "mouse"), {RODENT: "mouse"}),
        (("keyboard", "mouse"), {DEVICE: "mouse"}),  # whichever keyboard it is
        (("cat", "keyboard", "mouse"), {}),
        (("mouse, computer mouse", "cat"), {DEVICE: "mouse, computer mouse"}),
    ],
)
def test_the_other_classes_or_another_name_tell_which_meaning_it_is(
    classes: tuple[str, ...], meant: dict[str, str]
) -> None:
    mapping = match_labels([RODENT, DEVICE], classes)
    assert mapping.class_of == meant and set(mapping.unknown) == {RODENT, DEVICE} - set(meant)


def test_less_usual_meanings_of_cifar10_s_names_do_not_match() -> None:
    animals = {"n01503061": "bird", "n01639765": "frog", "n02374451": "horse", "n02121620": "cat"}
    others = ("n02129165", "n03398382", "n03538037", "n07676602")  # lion, clasp, gymnastic horse, hot dog
    mapping = match_labels([*animals, *others], CLASS_NAMES)
    assert mapping.class_of == animals and mapping.unknown == others


def test_a_model_with_the_classes_of_imagenet_means_imagenet_s_mouse() -> None:
    names = {
        "n01440764": "tench", "n02102040": "English springer", "n02979186": "cassette player", "n03000684": "chain saw",
        "n03394916": "French horn", "n03417042": "garbage truck", "n03425413": "gas pump", "n03445777": "golf ball",
        "n03888257": "parachute", "n01443537": "goldfish", DEVICE: "mouse",
    }  # fmt: skip
    assert match_labels(names, list(names.values())).class_of == names
    few = dict(list(names.items())[5:])
    assert match_labels(few, list(names.values())).unknown == (DEVICE,)


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
