from __future__ import annotations

import pytest

from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.intervals import Mean, Proportion
from dashboard.core.metrics.percent import decimals_apart, percent, range_in_percent, same


@pytest.mark.parametrize(
    "share, text",
    [
        (0.9415, "94.2%"),
        (0.9415 - 2**-53, "94.2%"),
        (0.9425, "94.3%"),
        (0.9414999, "94.1%"),
        (1.0, "100.0%"),
        (1 - 2**-53, "100.0%"),
        (0.9995, "99.95%"),
        (0.99999, "99.999%"),
        (0.999999, ">99.999%"),
        (0.9994, "99.9%"),
        (0.0, "0.0%"),
    ],
)
def test_equal_shares_read_alike_and_only_one_reads_as_100_percent(share: float, text: str) -> None:
    assert percent(share) == text == BY_NAME["top5"].text(share)


def test_intervals_and_other_metrics_are_rounded_in_the_same_way() -> None:
    assert range_in_percent(0.9415 - 2**-53, 0.99999) == "94.2-99.999"
    assert str(Proportion(0.9995, 0.9985, 1.0, 2000)) == "99.95% (99.9-100.0)"
    assert BY_NAME["mcc"].text(0.9415) == "0.942" and BY_NAME["log_loss"].difference(-0.0025) == "-0.003"
    assert BY_NAME["accuracy"].difference(0.0125) == "+1.3"
    assert BY_NAME["mcc"].text(-0.0004) == "0.000" and BY_NAME["accuracy"].difference(-0.0004) == "+0.0"
    assert str(Mean(-0.0004, -0.0006, 0.0)) == "+0.000 (-0.001 to +0.000)"


def test_a_difference_is_that_of_the_figures_as_they_are_shown() -> None:
    accuracy, mcc = BY_NAME["accuracy"], BY_NAME["mcc"]
    assert accuracy.difference(0.9586 - 0.9194) == "+3.9"  # the exact one
    assert accuracy.difference_as_shown(0.9194, 0.9586) == "+4.0"  # 95.9 - 91.9
    assert (
        accuracy.difference_as_shown(0.9586, 0.9194, 2) == "-3.92" and accuracy.difference_as_shown(0.5, 0.5) == "+0.0"
    )
    assert mcc.difference_as_shown(0.1004, 0.2006) == "+0.101" and mcc.difference_as_shown(float("nan"), 0.2) == "-"


def test_a_calibration_error_from_few_images_says_so() -> None:
    note = "fewer than 10 images per bin: mostly chance"
    assert BY_NAME["ece15_equal_mass"].interval(0.411, 0.514, 149) == f"41.1% to 51.4% ({note})"
    assert BY_NAME["ece15"].interval(0.411, 0.514, 150) == "41.1% to 51.4%"
    assert [BY_NAME["ece10"].chance_note(n) for n in (99, 100)] == [note, ""]
    assert BY_NAME["accuracy"].chance_note(1) == "" and note in BY_NAME["ece15"].difference_interval(0.1, 0.2, 20)


def test_as_many_decimals_as_it_takes_to_tell_two_values_apart() -> None:
    assert [decimals_apart(95.95, 96, 1), decimals_apart(95.9996, 96, 1), decimals_apart(3, 4, 1)] == [2, 4, 1]
    assert decimals_apart(96, 96 - 2**-40, 1) == 1 and same(0.1 + 0.2, 0.3) and not same(0.3, 0.3001)


def test_an_interval_of_differences_shows_whether_it_contains_0() -> None:
    aurc, top3 = BY_NAME["aurc"], BY_NAME["top3"]
    assert aurc.difference_bounds(0.0004, 0.0093) == "+0.0004 to +0.0093"
    assert top3.difference_bounds(-0.013, 0.0003) == "-1.30 to +0.03"
    assert top3.difference_bounds(-0.013, 0.0) == "-1.3 to +0.0", "it contains 0 exactly"
    assert aurc.difference_bounds(-0.002, 0.009) == "-0.002 to +0.009"
