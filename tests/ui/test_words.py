from __future__ import annotations

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from dashboard.core.errors import DashboardError
from dashboard.core.models.facts import ConvLayer, default_layer, stages
from dashboard.ui.errors import as_text
from dashboard.ui.words import branches_left_out, in_percents, layer_names, local_time, number_in_words, plain

AUTOLINK = re.compile(r"https?://|www\.|[\w.+-]+@[\w-]+(\.[\w-]+)+", re.IGNORECASE)  # GFM, section 6.9


@pytest.mark.parametrize("text", ["www.evil.example", "WWW.evil.example", "https://evil.example/x", "me@evil.example"])
def test_addresses_are_no_links(text: str) -> None:
    assert AUTOLINK.search(text) and not AUTOLINK.search(re.sub(r"\\(.)", r"\1", plain(text)))


@pytest.mark.parametrize("text", [":material/delete:", ":red[x]", "**x**", "![x](y)", "$x$", "<b>"])
def test_nothing_is_markup(text: str) -> None:
    assert ":material/" not in plain(text) and not re.search(r"(?<!\\)[*\[\]()$<>:]", plain(text))


@pytest.mark.usefixtures("by_its_name")
def test_commands_name_an_installed_dashboard_as_it_was_started() -> None:
    assert re.sub(r"\\(.)", r"\1", plain("Run python -m dashboard doctor.")) == "Run classifier-dashboard doctor."
    error = DashboardError("There is no model.", "Run `python -m dashboard models add FILE`.")
    assert as_text(error) == "There is no model. Run `classifier-dashboard models add FILE`."


def test_names_of_versions_can_be_copied() -> None:
    assert re.sub(r"\\(.)", r"\1", plain("cifar10-resnet@3 at 12:30")) == "cifar10-resnet@3 at 12:30"


def test_a_time_is_shown_as_it_was_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Summer time was in force in July, though it is winter now."""
    berlin = SimpleNamespace(timezone="Europe/Berlin", timezone_offset=-60)
    monkeypatch.setattr("dashboard.ui.words.st", SimpleNamespace(context=berlin))
    assert local_time("2026-07-01T10:00:00+00:00") == "01 Jul 2026, 12:00"
    assert local_time("2026-12-01T10:00:00+00:00") == "01 Dec 2026, 11:00"
    for unknown in (None, "", "Mars/Base", "../x"):
        berlin.timezone = unknown
        assert local_time("2026-12-01T10:00:00+00:00") == "01 Dec 2026, 11:00"


def test_small_numbers_are_words() -> None:
    assert [number_in_words(n) for n in (2, 10, 12, 13, 1000)] == ["two", "ten", "twelve", "13", "1,000"]


def test_layers_are_called_by_their_place() -> None:
    layers = [ConvLayer(name, (side, side), 8) for name, side in (("whiten_out", 32), ("block1", 16), ("block2", 8))]
    assert layer_names(layers) == {
        "whiten_out": "first layer (32x32)",
        "block1": "layer 2 of 3 (16x16)",
        "block2": "last layer (8x8)",
    }
    assert layer_names(layers[:1]) == {"whiten_out": "only layer (32x32)"}


def test_what_a_layer_leaves_out_is_called_as_in_the_choice_of_layers() -> None:
    stem = ConvLayer("stem", (16, 16), 8)
    left, right = ConvLayer("left", (8, 8), 8, unseen=("right",)), ConvLayer("right", (8, 8), 8, unseen=("left",))
    offered = stages([stem, left, right])
    assert offered == [stem, left, right], "also the one of two layers of a size that is not the last"
    assert default_layer(offered) is right
    told = branches_left_out(right, layer_names(offered))
    assert "show nothing of the branch that ends in layer 2 of 3 (8x8): choose that layer to see it." in told
    assert told.endswith("Integrated Gradients, SmoothGrad and Occlusion look at the whole network.")
    assert branches_left_out(stem, layer_names(offered)) == ""


def test_a_layer_that_is_used_several_times_says_so() -> None:
    layer = ConvLayer("conv", (8, 8), 8, is_reused=True)
    assert branches_left_out(layer, layer_names([layer])) == (
        "The model uses this layer several times, and maps of it show its last use only. Integrated Gradients, SmoothGrad "
        "and Occlusion look at the whole network."
    )


def test_the_last_layer_of_a_branch_is_offered_but_no_default_if_its_activation_is_missing() -> None:
    relu = ConvLayer("relu", (8, 8), 8, unseen=("other",))
    bare = ConvLayer("bare", (8, 8), 8, activated=False, unseen=("other",))
    other = ConvLayer("other", (4, 4), 8, activated=False, unseen=("bare",))
    assert stages([other, relu, bare]) == [other, relu, bare]
    assert default_layer([other, relu, bare]) is relu


def test_tables_write_shares_as_all_texts_do_and_stay_numbers() -> None:
    table = pd.DataFrame({"share": [0.9997, 1.0, float("nan")], "count": [1, 2, 3]}, index=[5, 6, 7])
    shown = in_percents(table, ["share"])
    assert re.findall(r">([^<]*)</td>", shown.to_html()) == ["99.97%", "1", "100.0%", "2", "-", "3"]
    assert shown.data["share"].dtype == float
