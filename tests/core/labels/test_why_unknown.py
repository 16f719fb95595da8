from __future__ import annotations

from dashboard.core.labels.choices import label_choices
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.matching import match_labels
from dashboard.core.labels.why_unknown import why_unknown


def reasons(*labels: str) -> tuple[str, ...]:
    return why_unknown(match_labels(labels, CLASS_NAMES), CLASS_NAMES)


def test_a_plural_is_not_read_where_another_label_has_its_class() -> None:
    assert reasons("Cat", "CATS") == ("CATS is not read as cat, because the dataset also has the label Cat.",)
    assert reasons("Dogs", "DOGS") == (
        "DOGS is not read as dog, because the dataset also has the label Dogs.",
        "Dogs is not read as dog, because the dataset also has the label DOGS.",
    )


def test_a_character_that_one_cannot_tell_from_another_is_named() -> None:
    assert reasons("d\u043eg") == ("d\u043eg contains the character CYRILLIC SMALL LETTER O, which no class name has.",)
    assert reasons("dog\u200b") == ("dog\u200b contains the character ZERO WIDTH SPACE, which no class name has.",)


def test_other_labels_need_no_reason() -> None:
    assert reasons("hound", "chaper\u00f3n", "\u0441\u043e\u0431\u0430\u043a\u0430", "12", "zebra 7") == ()


def test_the_page_gets_the_reasons() -> None:
    assert label_choices({"Cat": 1, "CATS": 2}, CLASS_NAMES).reasons == reasons("Cat", "CATS")
