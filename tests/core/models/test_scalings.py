from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from dashboard.core.errors import DatasetError, ModelError
from dashboard.core.files import portable_name
from dashboard.core.images.preprocessing import SCALINGS, ColorMode, Preprocessing
from dashboard.core.models.inference import Inference
from dashboard.core.models.samples import keep_samples, kept_samples, labelled_samples, read_samples
from dashboard.core.models.scalings import better_scaling, check_colors, choose_scaling, scaled, try_others
from dashboard.core.models.self_test import LabelledFile, SelfTest, self_test
from dashboard.core.models.version import ModelVersion
from dashboard.core.questions import UndecidedError
from tests.conftest import MakeZip, encoded, picture
from tests.core.colour_model import CLASSES, make_registry, make_samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_samples(tmp_path_factory.mktemp("samples"))


def test_the_scaling_that_mends_a_blind_model_is_found(tmp_path: Path, samples: Path, inference: Inference) -> None:
    version = make_registry(tmp_path, "1/255").get("colour@1")
    files = read_samples(samples)
    found = self_test(version, files, inference.predict)
    assert (found.answer, found.share) == ("dark", 1.0)
    better = better_scaling(try_others(version, files, inference.predict), version, found)
    assert better is not None
    assert better[0] == "raw"
    assert better[1].accuracy.value == 1.0


def test_no_scaling_is_named_when_none_mends_it(tmp_path: Path, samples: Path, inference: Inference) -> None:
    wrong_order = ("red", "green", "blue", "dark")
    version = make_registry(tmp_path, "raw", wrong_order).get("colour@1")
    files = read_samples(samples)
    tried: list[ModelVersion] = []

    def predict(candidate: ModelVersion, data: Sequence[bytes]) -> list[object]:
        tried.append(candidate)
        return inference.predict(candidate, data)

    found = self_test(version, files, predict)
    assert found.accuracy.value == 0
    assert better_scaling(try_others(version, files, predict), version, found) is None
    assert len(tried) == 5  # itself and the four other scalings


def test_a_scaling_that_does_not_fit_gray_pictures() -> None:
    assert scaled(Preprocessing(8, 8, color="grayscale"), "-1..1").scaling_name == "-1..1"
    for name in ("imagenet", "caffe"):
        with pytest.raises(ModelError, match=f"{name}' is for colour") as refused:
            scaled(Preprocessing(8, 8, color="grayscale"), name)
        assert "1/255, raw or -1..1" in refused.value.fix
    with pytest.raises(ModelError) as asked:
        choose_scaling(None, None, "its layers do not tell", {}, "m.keras", channels=1)
    offered = [line.split()[1] for line in asked.value.fix.splitlines() if line.startswith("--scale")]
    assert offered == ["1/255", "raw", "-1..1"]


class TestChoosingTheScaling:
    """Self-tests on 20 samples. Each scaling gets the given number right, always the first ones."""

    def results(self, **right: int) -> dict[str, SelfTest]:
        names = {"scaled": "1/255", "raw": "raw"}
        return {names[k]: SelfTest((True,) * n + (False,) * (20 - n), "a", 0.1, 10) for k, n in right.items()}

    def choose(self, given: str | None, told: str | None, **right: int) -> tuple[str, str]:
        chosen, notes = choose_scaling(given, told, self.TOLD_BY[told], self.results(**right), "m.keras")
        return chosen, " ".join(notes)

    TOLD_BY: ClassVar = {None: "its layers do not scale pixels", "raw": "The model scales pixels itself."}

    def test_what_the_layers_tell_is_used(self) -> None:
        assert self.choose(None, "raw") == ("raw", "The model scales pixels itself.")
        chosen, notes = self.choose(None, "raw", raw=14, scaled=15)
        assert chosen == "raw" and "by scaling: raw 14, 1/255 15." in notes

    def test_samples_that_say_something_else_clearly_are_believed(self) -> None:
        chosen, notes = self.choose(None, "raw", raw=9, scaled=14)  # 5 to 0: p = 1/32
        assert chosen == "1/255" and "But on the samples 1/255 is clearly better, so it is used." in notes

    def test_a_few_lucky_samples_overrule_nothing(self) -> None:
        """Where the names or the weights are wrong, every scaling guesses, and one of the five is the luckiest."""
        tests = {name: SelfTest((True,) * 4 + (False,) * 18, "a", 0.1, 10) for name in ("1/255", "-1..1", "imagenet")}
        tests["raw"] = SelfTest((False,) * 22, "a", 0.1, 10)
        tests["caffe"] = SelfTest((True,) * 5 + (False,) * 17, "a", 0.1, 10)
        chosen, notes = choose_scaling(None, "raw", "The model scales pixels itself.", tests, "m.keras")
        assert chosen == "raw" and "clearly better" not in " ".join(notes)
        assert "with raw the model predicts only 0 of 22 samples correctly, which is no better" in notes[-1]
        _, notes = choose_scaling("raw", "raw", "The model scales pixels itself.", tests, "m.keras")
        assert "clearly better" not in " ".join(notes)
        _, notes = choose_scaling("caffe", "raw", "The model scales pixels itself.", tests, "m.keras")
        assert notes[0].startswith("Warning: The model scales pixels itself. That asks for the scaling raw")
        version = ModelVersion("m", "1", Path(), tuple("abcdefghij"), Preprocessing(8, 8), "logits", sha256="")
        assert better_scaling(tests, version, tests["raw"]) is None

    def test_the_more_scalings_are_tried_the_clearer_the_better_one_must_be(self) -> None:
        four = dict.fromkeys(("-1..1", "imagenet", "caffe"), self.results(raw=0)["raw"])
        for right, chosen in ((14, "raw"), (16, "1/255")):  # 5 to 0: p = 1/32, one of four; 7 to 0: p = 1/128
            tests = self.results(raw=9, scaled=right) | four
            assert choose_scaling(None, "raw", "", tests, "m.keras")[0] == chosen

    def test_a_scaling_that_only_guesses_never_replaces_what_the_layers_tell(self) -> None:
        """Where the names of two classes are exchanged, any other scaling is right more often: it guesses."""
        tests = {
            "raw": SelfTest((True,) * 23 + (False,) * 57, "dog", 0.5, 2),
            "1/255": SelfTest((True,) * 40 + (False,) * 40, "dog", 1.0, 2),
        }
        chosen, notes = choose_scaling(None, "raw", "The model scales pixels itself.", tests, "m.keras")
        assert chosen == "raw" and "clearly better" not in " ".join(notes)
        assert "predicts only 23 of 80 samples correctly, which is no better than guessing." in notes[-1]
        _, notes = choose_scaling("raw", "raw", "The model scales pixels itself.", tests, "m.keras")
        assert "clearly better" not in " ".join(notes)

    def test_half_of_two_classes_is_guessing(self) -> None:
        tests = {"1/255": SelfTest((True,) * 41 + (False,) * 39, "dog", 0.6, 2)}
        assert (
            "41 of 80 samples correctly, which is hardly better than guessing"
            in choose_scaling("1/255", None, "", tests, "m.keras")[1][-1]
        )

    def test_a_clear_winner_is_taken_aloud_where_nothing_else_tells(self) -> None:
        chosen, notes = self.choose(None, None, scaled=10, raw=14)  # 4 to 0: p = 1/16
        assert chosen == "raw"
        assert (
            "its layers do not scale pixels. raw is used: on the samples it is clearly the best of 1/255, raw." in notes
        )
        assert "keras.layers.Normalization" in notes, "the right one may be none of them"

    @pytest.mark.parametrize(
        "right", [{}, {"scaled": 12, "raw": 14}, {"scaled": 14, "raw": 14}, {"scaled": 0, "raw": 3}]
    )
    def test_where_nothing_decides_it_is_asked(self, right: dict[str, int]) -> None:
        """Also where the best is not better than guessing."""
        with pytest.raises(ModelError, match="its layers do not scale pixels, and") as refused:
            self.choose(None, None, **right)
        assert refused.value.code == "scaling_unknown"
        lines = refused.value.fix.splitlines()
        assert "--scale 1/255     numbers from 0 to 1: each pixel divided by 255" in lines
        assert "--samples FOLDER" in lines[-1]
        explained = {line.split()[1]: line.split(maxsplit=2)[2] for line in lines if line.startswith("--scale")}
        assert list(explained) == list(SCALINGS) and len(set(explained.values())) == len(SCALINGS)
        assert not right or f"raw {right['raw']} right" in refused.value.message
        few_right = right == {"scaled": 0, "raw": 3}
        assert ("class names in the wrong order" in refused.value.message) is few_right
        assert any("--class-names a,b,c" in line for line in lines) is few_right

    def test_order_is_obeyed_with_a_warning(self) -> None:
        chosen, notes = self.choose("1/255", "raw", scaled=5, raw=18)
        assert chosen == "1/255"
        assert "Warning: on the samples raw is clearly better" in notes
        assert "predicts only 5 of 20 samples correctly" in notes
        assert "raw is clearly better than 1/255" in self.choose("1/255", None, scaled=10, raw=14)[1], (
            "4 to 0 wins, too"
        )
        assert "clearly" not in self.choose("1/255", None, scaled=0, raw=3)[1], "no better than guessing"
        assert self.choose("raw", None) == ("raw", "")
        assert self.choose("raw", "raw") == ("raw", "")
        assert self.choose("tf", None)[0] == "-1..1"

    def test_an_order_against_the_model_s_own_layers_is_warned_of_without_samples(self) -> None:
        """Scaling in the model and outside of it is the usual mistake."""
        chosen, notes = self.choose("1/255", "raw")
        assert chosen == "1/255"
        assert "Warning: The model scales pixels itself. That asks for the scaling raw" in notes
        assert "--scale raw" in notes
        assert "That asks" not in self.choose("1/255", "raw", scaled=18, raw=5)[1], "the samples say that it is right"


class TestTheOrderOfColours:
    """Self-tests on 20 samples. Each gets the given number right, always the first ones."""

    def check(self, color: ColorMode | None, chosen: str, here: int, turned: dict[str, int]) -> tuple[str, ...]:
        def test_of(n: int) -> SelfTest:
            return SelfTest((True,) * n + (False,) * (20 - n), "a", 0.1, 10)

        tests = {name: test_of(n) for name, n in turned.items()}
        return check_colors(color, chosen, {chosen: test_of(here)}, tests, "m.keras")

    def test_it_is_asked_about_if_the_samples_speak_for_the_other_one(self) -> None:
        with pytest.raises(
            ModelError, match="15 of 20 labelled samples are right; in the order red, green, blue"
        ) as asked:
            self.check(None, "raw", 9, {"raw": 11, "1/255": 15})
        assert asked.value.code == "color_unknown"
        assert "`--color bgr --scale 1/255` or `--color rgb --scale raw`" in asked.value.fix

    def test_a_scaling_with_its_own_order_stays_a_choice(self) -> None:
        with pytest.raises(ModelError, match="blue, green, red and the scaling raw") as asked:
            self.check(None, "caffe", 9, {"raw": 15})
        assert "`--color bgr --scale raw` or `--scale caffe`" in asked.value.fix

    def test_an_order_that_was_given_is_used_with_a_warning(self) -> None:
        [warning] = self.check("bgr", "raw", 9, {"raw": 15})
        assert "in the order red, green, blue and the scaling raw, 15 of 20" in warning and "--color rgb" in warning

    def test_nothing_is_said_where_the_samples_do_not_decide(self) -> None:
        assert self.check(None, "raw", 13, {"raw": 13, "1/255": 14}) == () == self.check(None, "raw", 13, {})
        assert self.check("rgb", "raw", 13, {"raw": 15}) == (), "it was given"
        assert self.check(None, "raw", 0, {"raw": 3}) == (), "no better than guessing"

    def test_too_few_samples_for_a_difference_are_told(self) -> None:
        [note] = self.check(None, "raw", 9, {"raw": 11, "1/255": 12})
        assert "blue, green, red and the scaling raw, 11 of 20 labelled samples are right" in note
        assert "too few samples to tell" in note and "with --color bgr --scale raw" in note


def answers(names: tuple[str, ...], true: Sequence[int], predicted: Sequence[int]) -> SelfTest:
    correct = tuple(a == b for a, b in zip(true, predicted, strict=True))
    return SelfTest(correct, names[0], 0.5, len(set(true)), names, tuple(true), tuple(predicted))


class TestClassNamesInTheWrongOrder:
    """They are named before any scaling, and no scaling is taken where another order explains the samples as well."""

    BRIGHT: ClassVar = ("bright", "dark")
    TRUE: ClassVar = [0, 1] * 10

    def tried(self, **predicted: list[int]) -> dict[str, SelfTest]:
        names = {"scaled": "1/255", "raw": "raw", "caffe": "caffe"}
        return {names[k]: answers(self.BRIGHT, self.TRUE, given) for k, given in predicted.items()}

    def test_the_order_is_the_way_out(self) -> None:
        tests = self.tried(scaled=[1, 0] * 10, raw=[0, 0, 1, 1] * 5)
        for told in (None, "1/255"):
            with pytest.raises(
                ModelError, match=r"bright and dark look swapped: .* 20 of 20 labelled samples"
            ) as refused:
                choose_scaling(None, told, "so it is", tests, "m.keras")
            assert refused.value.code == "class_names" and "at most 10 are" in refused.value.message
            assert "--class-names dark,bright. If they are right" in refused.value.fix

    def test_an_order_that_is_obeyed_is_warned_of_first(self) -> None:
        tests = self.tried(scaled=[1, 0] * 10, raw=[0, 1, 0, 0] * 5)
        chosen, (warning, *others) = choose_scaling("1/255", None, "", tests, "m.keras")
        assert chosen == "1/255"
        assert warning.startswith("Warning: bright and dark look swapped") and "raw" not in warning
        assert warning.endswith("add the model again with --class-names dark,bright --scale 1/255.")
        assert not [each for each in others if "Warning" in each]

    def test_swapped_colours_are_not_taken_for_the_scaling(self) -> None:
        tests = self.tried(scaled=[1, 0] * 10, raw=[0, 0] * 10, caffe=self.TRUE)
        for told in (None, "1/255"):
            with pytest.raises(
                ModelError, match=r"^Either the class names .* or it needs the scaling caffe"
            ) as refused:
                choose_scaling(None, told, "so it is", tests, "m.keras")
            assert "right, add --scale caffe. " in refused.value.fix
            assert "--class-names dark,bright --scale 1/255" in refused.value.fix
        assert choose_scaling("caffe", None, "", tests, "m.keras")[1][0].startswith("Correct predictions")
        warning = choose_scaling("1/255", None, "", tests, "m.keras")[1][0]
        assert "look swapped" in warning and "But with caffe in the order that was given, 20 are." in warning

    def test_names_and_colours_that_are_both_swapped_speak_for_nothing(self) -> None:
        tests = self.tried(scaled=self.TRUE, raw=[0, 0] * 10, caffe=[1, 0] * 10)
        assert choose_scaling(None, None, "it is unknown", tests, "m.keras")[0] == "1/255"

    def test_the_place_of_a_class_without_samples_is_not_guessed(self) -> None:
        names = ("a", "b", "c", "d")
        tests = {"raw": answers(names, [0, 1] * 10, [1, 2] * 10)}
        with pytest.raises(ModelError, match="order of the classes looks shifted by one") as refused:
            choose_scaling(None, None, "it is unknown", tests, "m.keras")
        assert "--class-names a,b,c." in refused.value.fix


def test_caffe_brings_its_order_of_channels() -> None:
    caffe = scaled(Preprocessing(8, 8), "caffe")
    assert (caffe.color, caffe.scaling_name) == ("bgr", "caffe")
    assert scaled(Preprocessing(8, 8), "torch").scaling_name == "imagenet"
    assert Preprocessing(8, 8, scale=1.0, mean=caffe.mean).scaling_name == "custom"  # the same numbers on RGB


def test_samples_of_a_dataset(tmp_path: Path, samples: Path) -> None:
    found = labelled_samples(samples)
    assert sorted({sample.label for sample in found}) == sorted(CLASSES) and len(found) == 16
    keep_samples(tmp_path, [LabelledFile("a/b ..%", b"1"), LabelledFile("..", b"2")])
    assert [(each.label, each.data) for each in kept_samples(tmp_path)] == [("a/b ..%", b"1"), ("..", b"2")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError):
        labelled_samples(tmp_path / "empty")


def test_folders_of_samples_differ_where_capital_letters_make_no_difference(tmp_path: Path) -> None:
    labels = ["Cat", "cat", "con", "aux.x", "ends ", "no label", "\u732b"]
    keep_samples(tmp_path, [LabelledFile(label, b"") for label in labels])
    assert [each.label for each in kept_samples(tmp_path)] == labels
    folders = [path.name for path in (tmp_path / "samples").iterdir()]
    assert len({name.casefold() for name in folders}) == len(labels)
    assert [name for name in folders if portable_name(name) != name] == []


def test_samples_that_leave_a_second_question_open_get_advice_that_works_here(make_zip: MakeZip) -> None:
    """`models add` has no option for the table of labels."""
    images = {f"{split}/{i}.png": encoded(picture(i)) for split in ("train", "test") for i in range(2)}
    tables = {
        f"{split}/{name}.csv": f"file,label\n0.png,{labels[0]}\n1.png,{labels[1]}\n".encode()
        for split in ("train", "test")
        for name, labels in (("one", "ab"), ("two", "ba"))
    }
    path = make_zip({}, extra=images | tables)
    with pytest.raises(DatasetError, match=r"can be read in more than one way: .*several tables") as caught:
        labelled_samples(path)
    assert not isinstance(caught.value, UndecidedError) and "--labels" not in str(caught.value)
    assert "one folder per class" in caught.value.fix
    split = make_zip({"train/a": 1, "train/b": 1, "val/a": 1, "val/b": 1}, "split.zip")
    assert len(labelled_samples(split)) == 4
