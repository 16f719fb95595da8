from __future__ import annotations

import pytest

from dashboard.core.cifar10 import CLASS_NAMES
from dashboard.core.labels import match_labels


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


@pytest.mark.parametrize("name", ["cats", "bus", "", " ", "10", "-1", "1.0", "catdog", "автомобиль"])
def test_names_that_are_not_guessed(name: str) -> None:
    assert match_labels([name], CLASS_NAMES).unknown == (name,)


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
