from __future__ import annotations

from pathlib import Path

import numpy as np

from dashboard.core.metrics.temperature import softmax
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.labelled_rows import labelled_rows
from dashboard.core.runs.rows import VIEW_COLUMNS
from tests.core.evaluation.test_recalibration import RUN, drawn, stored


def test_all_labelled_rows_in_order(tmp_path: Path) -> None:
    run = stored(tmp_path, 300).folder(RUN).load(VIEW_COLUMNS)
    logits, labels = drawn(300, 3.0)
    probs = labelled_rows(run)
    assert np.allclose(probs.values, softmax(logits, 1.5)) and np.array_equal(probs.labels, labels)
    assert probs.of == 300 == len(probs.labels)
    assert np.array_equal(labelled_rows(run, "logits").values, logits)


def test_of_too_many_a_random_part_in_order(tmp_path: Path) -> None:
    run = stored(tmp_path, 300).folder(RUN).load(VIEW_COLUMNS)
    logits, labels = drawn(300, 3.0)
    part = labelled_rows(run, "logits", most_numbers=100)  # 50 rows of 2 classes
    assert part.values.shape == (50, 2) and part.of == 300
    places = [int(np.flatnonzero((logits == row).all(axis=1))[0]) for row in part.values]
    assert places == sorted(places) and places[-1] > 250 and np.array_equal(labels[places], part.labels)
    assert np.array_equal(labelled_rows(run, "logits", most_numbers=100).values, part.values)


def test_no_labelled_row(tmp_path: Path) -> None:
    run = stored(tmp_path, 10).folder(RUN)
    empty = labelled_rows(run.load(VIEW_COLUMNS, parse_filter(["true_label="])))
    assert empty.values.shape == (0, 2) and empty.of == 0
