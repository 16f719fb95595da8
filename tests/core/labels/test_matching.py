from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.labels.label_map import read_label_map
from dashboard.core.labels.matching import match_labels
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "name, meant",
    [
        ("cat", "cat"), ("CAT", "cat"), ("Air Plane", "airplane"), ("air-plane", "airplane"), ("air_plane", "airplane"),
        ("plane", "airplane"), ("Car", "automobile"), ("lorry", "truck"), ("PUPPY", "dog"),
    ],
)  # fmt: skip
def test_names_that_certainly_mean_a_class(name: str, meant: str) -> None:
    mapping = match_labels([name], CLASS_NAMES)
    assert mapping.class_of == {name: meant} and mapping.unknown == ()


@pytest.mark.parametrize("name", ["as", "bus", "", " ", "10", "-1", "1.0", "catdog", "автомобиль"])
def test_names_that_are_not_guessed(name: str) -> None:
    assert match_labels([name], CLASS_NAMES).unknown == (name,)


@pytest.mark.parametrize(
    "name, meant",
    [("CATS", "cat"), ("Horses", "horse"), ("cars", "automobile"), ("001.Frogs", "frog"), ("puppies", "dog")],
)
def test_the_plural_of_one_class_means_it(name: str, meant: str) -> None:
    assert match_labels([name], CLASS_NAMES).class_of == {name: meant}


def test_plurals_are_not_guessed_where_they_may_mean_something_else() -> None:
    assert match_labels(["cat", "cats"], CLASS_NAMES).unknown == ("cats",)
    assert match_labels(["buses", "boxes"], ["bus", "box", "boxe"]).class_of == {"buses": "bus"}
    assert match_labels(["leaves", "knives"], ["leaf", "knife"]).class_of == {"leaves": "leaf", "knives": "knife"}


def test_a_plural_that_the_user_chose_is_told_as_chosen() -> None:
    assert match_labels(["cat", "CATS"], CLASS_NAMES, {"CATS": "cat"}).notes == ("As chosen, CATS is used as cat.",)
    alone = match_labels(["CATS"], CLASS_NAMES, {"CATS": "cat"})
    assert alone.notes == match_labels(["CATS"], CLASS_NAMES).notes


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_compared_however_they_are_stored(form: Literal["NFC", "NFD"]) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    label, given = normalize(form, "chaperón"), normalize(other, "chaperón")
    names = [normalize(form, "café"), "tea"]
    mapping = match_labels([label, normalize(other, "café")], names, {given: normalize(other, "café")})
    assert mapping.class_of == {label: names[0], normalize(other, "café"): names[0]}


def test_only_a_spelling_that_one_can_see_is_told() -> None:
    assert match_labels(["deer ", "Cats"], CLASS_NAMES).notes == (
        "Labels that are spelled differently: Cats is read as cat.",
    )
    assert match_labels(["deer "], CLASS_NAMES).notes == ()


def test_unknown_names_are_sorted_and_named_once() -> None:
    assert match_labels(["zebra", "cat", "ant", "zebra"], CLASS_NAMES).unknown == ("ant", "zebra")


def test_an_alias_counts_only_where_the_model_has_its_class() -> None:
    assert match_labels(["car"], ["airplane", "ship"]).unknown == ("car",)
    assert match_labels(["car"], ["car", "automobile"]).class_of == {"car": "car"}


def test_an_exact_name_wins_over_a_similar_one() -> None:
    assert match_labels(["Polish", "polish"], ["polish", "Polish"]).class_of == {"Polish": "Polish", "polish": "polish"}


def test_both_ways_to_write_an_umlaut_are_the_same() -> None:
    decomposed, composed = "Ka\u0308fer", "K\u00e4fer"  # as macOS writes names into a ZIP, and as people type them
    assert match_labels([decomposed], [composed]).class_of == {decomposed: composed}


def test_a_class_without_letters_catches_nothing() -> None:
    assert match_labels(["anything"], ["_", "cat"]).unknown == ("anything",)


@pytest.mark.parametrize(
    "folder, model_class",
    [("automobile", "car"), ("Auto", "Car"), ("airplane", "plane"), ("jet", "aircraft"), ("cat", "Kitty")],
)
def test_aliases_work_both_ways(folder: str, model_class: str) -> None:
    assert match_labels([folder], ["bird", model_class]).class_of == {folder: model_class}


def test_nothing_is_guessed_where_two_classes_mean_the_same() -> None:
    mapping = match_labels(["jet", "Plane", "airplane"], ["plane", "airplane"])
    assert mapping.class_of == {"Plane": "plane", "airplane": "airplane"}
    assert mapping.unknown == ("jet",)


def test_nothing_is_guessed_where_two_classes_differ_in_case_only() -> None:
    mapping = match_labels(["POLISH", "polish"], ["polish", "Polish"])
    assert mapping.class_of == {"polish": "polish"} and mapping.unknown == ("POLISH",)


def test_a_name_of_separators_only_means_nothing() -> None:
    assert match_labels([" ", "--"], ["_", "cat"]).unknown == (" ", "--")


def test_numbers_are_class_ids_where_all_are_and_it_is_said() -> None:
    mapping = match_labels(["0", "3", "09"], CLASS_NAMES)
    assert mapping.class_of == {"0": "airplane", "3": "cat", "09": "truck"} and mapping.unknown == ()
    assert mapping.notes == ("The labels are used as class ids, counted from 0: 0 is airplane, 3 is cat, 09 is truck.",)


def test_minus_one_among_class_ids_is_no_label() -> None:
    mapping = match_labels(["-1", "0", "3"], CLASS_NAMES)
    assert mapping.class_of == {"-1": None, "0": "airplane", "3": "cat"} and mapping.unknown == ()
    assert mapping.notes[0].endswith("3 is cat.") and mapping.notes[1] == "The label -1 means that there is no label."
    assert match_labels(["-1", "0", "3"], CLASS_NAMES, mapping.label_map()).class_of == mapping.class_of


def test_minus_one_is_not_the_class_one() -> None:
    digits = [str(i) for i in range(10)]
    mapping = match_labels(["0", "1", "-1", "7"], digits)
    assert mapping.class_of == {"0": "0", "1": "1", "7": "7", "-1": None}
    assert mapping.notes == ("The label -1 means that there is no label.",)
    assert match_labels(["0", "-2", "-1"], digits).unknown == ("-1", "-2")


@pytest.mark.parametrize("names", [["1", "10"], ["3", "cat"], ["-1"], ["3", "x"]])
def test_numbers_are_not_class_ids_where_one_is_none(names: list[str]) -> None:
    mapping = match_labels(names, CLASS_NAMES)
    assert not any(name.isdecimal() for name in mapping.class_of) and mapping.notes == ()


def test_numbers_that_are_names_of_classes_are_these() -> None:
    mapping = match_labels(["1", "2"], ["0", "2", "1"])
    assert mapping.class_of == {"1": "1", "2": "2"} and mapping.notes == ()


def test_the_users_map_wins_and_gives_the_same_again() -> None:
    label_map = {"kitten": "cat", "dog": LEAVE_OUT, "photos": NO_LABEL}
    names = ["kitten", "dog", "photos", "Plane", "ant"]
    mapping = match_labels(names, CLASS_NAMES, label_map)
    assert mapping.class_of == {"Plane": "airplane", "kitten": "cat", "photos": None}
    assert (mapping.left_out, mapping.unknown) == (("dog",), ("ant",))
    assert match_labels(names, CLASS_NAMES, mapping.label_map()) == mapping


def test_labels_of_exports_that_are_no_classes_are_predicted_but_not_compared() -> None:
    names = ["cat", "no label", "none of these"]
    mapping = match_labels(names, CLASS_NAMES)
    assert mapping.class_of == {"cat": "cat", "no label": None, "none of these": None} and not mapping.unknown
    assert mapping.notes == ("no label, none of these are not classes: such images are predicted, but not compared.",)
    assert match_labels(names, CLASS_NAMES, mapping.label_map()) == mapping
    assert match_labels(names, [*CLASS_NAMES, "None of these"]).class_of["none of these"] == "None of these"
    assert match_labels(names, CLASS_NAMES, {"*": LEAVE_OUT}).left_out == ("no label", "none of these")


@pytest.mark.parametrize(
    "label_map, said",
    [({"zebra": "cat"}, "not a label of the dataset"), ({"dog": "hound"}, "the model has no such class")],
)
def test_a_map_that_does_not_fit_is_refused(label_map: dict[str, str], said: str) -> None:
    with pytest.raises(DatasetError, match=said) as caught:
        match_labels(["dog"], CLASS_NAMES, label_map)
    assert caught.value.code == "label_map"


def test_white_space_around_a_label_matters_only_where_the_dataset_has_it() -> None:
    label_map = read_label_map(["hound=dog", "wolf= cat", "wolf =bird", "* ="])
    mapping = match_labels([" hound ", "wolf", "wolf ", "fox"], CLASS_NAMES, label_map)
    assert mapping.class_of == {" hound ": "dog", "wolf": "cat", "wolf ": "bird"}
    assert mapping.left_out == ("fox",)
    with pytest.raises(DatasetError, match="'hound' is given two meanings, dog and cat"):
        match_labels(["hound"], CLASS_NAMES, {"hound": "dog", "hound ": "cat"})
    with pytest.raises(DatasetError, match="'fox' is not a label"):
        match_labels([" fox", "fox "], CLASS_NAMES, {"fox": "dog"})


def test_a_map_in_arguments_and_files(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_text('{"kitten": "cat", "zebra": null}')
    assert read_label_map([str(file), "a=b=ship", "x = dog", "y="]) == {
        "kitten": "cat", "zebra": LEAVE_OUT, "a=b": "ship", "x ": "dog", "y": LEAVE_OUT,
    }  # fmt: skip
    for wrong in ("kitten", str(tmp_path / "none.json")):
        with pytest.raises(DatasetError):
            read_label_map([wrong])
    assert read_label_map([str(file), "kitten=cat"])["kitten"] == "cat"
    for twice in ([str(file), "kitten=dog"], ["kitten=cat", "kitten="]):
        with pytest.raises(
            DatasetError, match=r"'kitten' is given two meanings, cat and (dog|\(leave out\))\. Give it"
        ):
            read_label_map(twice)
    file.write_text('{"kitten": 3}')
    with pytest.raises(DatasetError, match="not an object of labels and classes"):
        read_label_map([str(file)])
    file.write_text('{"kitten": "cat", "kitten": "dog"}')
    with pytest.raises(DatasetError, match="it gives the key 'kitten' two values"):
        read_label_map([str(file)])


def test_matching_labels_needs_neither_downloads_nor_pickle() -> None:
    """Class names are imported everywhere, so their import must not load the code for the CIFAR-10 archive."""
    program = "import sys\nimport dashboard.core.labels.matching, dashboard.core.labels.label_map\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "dashboard.core.labels.cifar10" in loaded
    assert not loaded & {"urllib.request", "pickle", "tarfile", "numpy", "dashboard.core.datasets.download"}
