from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.errors import ModelError
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.class_names import check_class_names, read_class_names
from dashboard.core.models.adding import choose_class_names
from dashboard.core.models.foreign import ForeignModelFacts


def facts(outputs: int, channels: int = 3) -> ForeignModelFacts:
    color = "rgb" if channels == 3 else "grayscale"
    return ForeignModelFacts((32, 32, channels), color, outputs, "probabilities", False, "3.15.0", ())  # type: ignore[arg-type]


def refused(given: tuple[str, ...] | None, outputs: int, channels: int = 3) -> ModelError:
    with pytest.raises(ModelError) as caught:
        choose_class_names(given, facts(outputs, channels), "m.keras")
    assert caught.value.code == "class_names" and caught.value.fix
    return caught.value


def test_reads_class_names(tmp_path: Path) -> None:
    assert read_class_names("a, b,c") == ("a", "b", "c")
    file = tmp_path / "names.txt"
    file.write_text("\ufefftabby cat\r\nhouse, brick\n\n", encoding="utf-8")
    assert read_class_names(str(file)) == ("tabby cat", "house, brick")
    with pytest.raises(ModelError):
        read_class_names(str(tmp_path / "absent.txt"))


def test_wrong_class_names() -> None:
    assert "3 classes, but 2 names" in refused(("a", "b"), 3).message
    assert "unknown" in refused(None, 3).message
    assert "2 classes, but 1 names" in refused(("a",), 1).message
    for names in (("a", "b", "a"), ("a", " "), ("a", "(no label)"), ("(leave out)", "a")):
        with pytest.raises(ModelError) as caught:
            check_class_names(names)
        assert caught.value.code == "class_names"


def test_one_output_needs_two_names() -> None:
    assert choose_class_names(("cat", "dog"), facts(1), "m.keras") == (("cat", "dog"), ())


def test_ten_outputs_are_cifar10_only_in_colour() -> None:
    names, notes = choose_class_names(None, facts(10), "m.keras")
    assert names == CLASS_NAMES and "CIFAR-10's are assumed" in notes[0]
    error = refused(None, 10, channels=1)
    assert "10 classes" in error.message and "--class-names" in error.fix
