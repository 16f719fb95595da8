from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.metrics.bin_table import bin_table
from dashboard.core.metrics.calibration import equal_mass_reliability, reliability
from tests.core.metrics.conftest import Predictions


def test_by_hand() -> None:
    confidence = np.array([0.61, 0.66, 0.665, 0.9])
    table = bin_table(reliability(confidence, np.array([True, True, False, False])), confidence)
    assert table[["bin", "from", "to", "images"]].to_numpy().tolist() == [
        [10, "0.6", "0.67", 3],
        [14, "0.87", "0.93", 1],
    ]
    assert table["low"].tolist() == pytest.approx([9 / 15, 13 / 15]) and table["high"].tolist() == pytest.approx(
        [10 / 15, 14 / 15]
    )
    assert table["accuracy"].tolist() == pytest.approx([2 / 3, 0])
    assert table["gap"].tolist() == pytest.approx([0.645 - 2 / 3, 0.9])
    # Wilson's interval of 2 out of 3
    assert table.loc[0, ["accuracy_low", "accuracy_high"]].tolist() == pytest.approx([0.2077, 0.9385], abs=1e-4)


@pytest.mark.parametrize("measure", [reliability, equal_mass_reliability])
def test_the_texts_choose_exactly_the_images_of_the_bin(made: Predictions, measure: object) -> None:
    confidence = made.confidence
    table = bin_table(measure(confidence, made.correct), confidence)  # type: ignore[operator]
    found = [
        int(((confidence > float(low)) & (confidence <= float(high))).sum())
        for low, high in zip(table["from"], table["to"], strict=True)
    ]
    assert found == table["images"].tolist() and sum(found) == len(confidence)
    assert all(len(text) <= 9 for text in table["to"])


def test_an_edge_gets_the_decimals_that_it_needs() -> None:
    confidence = np.array([0.3333, 0.3334])  # on both sides of an edge at one third
    table = bin_table(reliability(confidence, np.array([True, True])), confidence)
    assert table["to"].tolist() == ["0.3333", "0.4"] and table["from"].tolist() == ["0.27", "0.3333"]
