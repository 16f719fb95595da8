import os
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.models.inference import Inference
from dashboard.core.models.samples import read_samples
from dashboard.core.models.self_test import SelfTest, judge, self_test
from dashboard.core.models.version import ModelVersion
from tests.core.colour_model import CLASSES, make_registry, make_samples

VERSION = ModelVersion("m", "1", Path("m/1"), tuple("abcdefghij"), Preprocessing(8, 8), "logits", "")


def result(right: int, n: int, share: float = 0.2, classes: int = 10) -> SelfTest:
    return SelfTest((True,) * right + (False,) * (n - right), "a", share, classes)


def test_one_answer_for_everything_is_an_error_and_is_named() -> None:
    verdict = judge(result(2, 20, share=1.0), VERSION)
    assert verdict.status == "error"
    assert "predicts 'a' for 100% of the samples" in verdict.summary
    assert judge(result(20, 20, share=1.0, classes=1), VERSION).status == "ok"  # all samples have that class


def test_guessing_is_an_error() -> None:
    assert judge(result(2, 20), VERSION).status == "error"
    assert "no better than guessing" in judge(result(2, 20), VERSION).summary
    assert judge(result(3, 20), replace(VERSION, metrics={"accuracy": 0.93})).status == "error"
    assert judge(result(12, 20), VERSION).status == "ok"


def test_few_samples_cannot_tell_a_model_of_two_classes_from_guessing() -> None:
    pets = replace(VERSION, class_names=("cat", "dog"))
    for right, n in ((3, 3), (5, 6), (8, 10)):
        verdict = judge(result(right, n, share=0.6, classes=2), pets)
        assert verdict.status == "warning" and "too few to rule out guessing" in verdict.summary
    assert judge(result(10, 10, share=0.5, classes=2), pets).status == "ok"
    assert judge(result(5, 10, share=0.6, classes=2), pets).status == "error"


def test_far_below_the_stated_accuracy_is_a_warning() -> None:
    stated = replace(VERSION, metrics={"accuracy": 0.93})
    assert judge(result(12, 20), stated).status == "warning"
    assert "93.0%" in judge(result(12, 20), stated).summary
    assert judge(result(18, 20), stated).status == "ok"
    assert judge(result(12, 20), replace(VERSION, metrics={"accuracy": "high"})).status == "ok"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_samples(tmp_path_factory.mktemp("samples"))


def test_samples_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    make_samples(tmp_path, each=1)
    labels = [each.label for each in read_samples(tmp_path)]
    (tmp_path / CLASSES[0] / "folder.png").mkdir()
    (tmp_path / CLASSES[0] / "link.png").symlink_to("x" * 300)  # the name of its target is too long
    (tmp_path / "link").symlink_to("x" * 300)
    os.mkfifo(tmp_path / CLASSES[0] / "pipe.png")  # nobody waits for a writer
    assert [each.label for each in read_samples(tmp_path)] == labels == sorted(CLASSES)
    (tmp_path / CLASSES[0]).rename(tmp_path / "\udcff")  # no UTF-8
    assert "\ufffd" in [each.label for each in read_samples(tmp_path)]


def test_if_no_sample_can_be_read_the_way_out_is_about_the_folder_that_they_are_from(
    tmp_path: Path, inference: Inference
) -> None:
    version = make_registry(tmp_path).get("colour@1")
    file = tmp_path / "samples" / CLASSES[0] / "0.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no image")
    own = read_samples(tmp_path / "samples")
    with pytest.raises(DatasetError, match="The first: The file is text, not an image") as told:
        self_test(version, own, inference.predict)
    assert told.value.fix == f"Replace those in {tmp_path / 'samples'} by images that can be opened."


def test_a_real_model_is_counted(tmp_path: Path, samples: Path, inference: Inference) -> None:
    version = make_registry(tmp_path).get("colour@1")
    files = read_samples(samples)
    assert [f.label for f in files] == ["blue"] * 4 + ["dark"] * 4 + ["green"] * 4 + ["red"] * 4
    found = self_test(version, files, inference.predict)
    assert (found.accuracy.value, found.accuracy.n, found.share, found.classes) == (1.0, 16, 0.25, 4)
    swapped = replace(version, class_names=(*CLASSES[:2], "blue", "green"))
    assert self_test(swapped, files, inference.predict).accuracy.value == 0.5
