from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.analysis.comparison import compare
from dashboard.core.analysis.comparison_words import behind_in_words
from dashboard.core.analysis.leaderboard import leaderboard
from dashboard.core.errors import DatasetError
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.paired import mcnemar_p
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.run import Run
from tests.compared_runs import load, probabilities, write_run

NAMES = ("cat", "dog", "fish")
N = 400
TRUE = np.arange(N) % 3
LABELS = [NAMES[i] for i in TRUE]


def run(root: Path, name: str, wrong: range, confidence: float = 0.75, **fields: object) -> Run:
    """A run that is wrong for these rows."""
    predicted = np.where(np.isin(np.arange(N), wrong), (TRUE + 1) % 3, TRUE)
    return load(write_run(root, name, LABELS, probabilities(predicted.tolist(), 3, confidence), NAMES, **fields))


def test_the_best_is_first_and_those_beside_it_are_marked(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, "bad", range(80)),
        run(tmp_path, "best", range(20)),
        run(tmp_path, "near", range(23)),
    ]
    board = leaderboard(runs)
    assert [each.manifest.run_id for each in board.ranked] == ["best", "near", "bad"] and board.n == N
    best, near, bad = board.ranked
    assert best.difference is None and best.p is None and best.may_be_best
    assert near.p == pytest.approx(mcnemar_p(3, 0)) and near.may_be_best and not bad.may_be_best
    assert bad.p == pytest.approx(2 * mcnemar_p(60, 0))
    assert near.difference is not None and near.difference.value == pytest.approx(-3 / N)
    assert best.scores["accuracy"].value == 1 - 20 / N


def test_holm_spares_what_a_single_test_would_condemn(tmp_path: Path) -> None:
    runs = [run(tmp_path, "best", range(20))]
    runs += [run(tmp_path, f"near{i}", range(26)) for i in range(5)]  # 6 more mistakes: p = 0.031 alone
    assert mcnemar_p(6, 0) < 0.05 and all(each.may_be_best for each in leaderboard(runs).ranked)


def test_another_metric_ranks_by_its_own_direction(tmp_path: Path) -> None:
    runs = [run(tmp_path, "sure", range(20), 0.94), run(tmp_path, "unsure", range(20), 0.5)]
    board = leaderboard(runs, "log_loss")
    assert [each.manifest.run_id for each in board.ranked] == ["sure", "unsure"]
    assert board.ranked[1].p is None and not board.ranked[1].may_be_best
    assert leaderboard(runs).ranked[1].may_be_best


def test_a_run_that_is_not_finished_is_noted_with_the_way_to_finish_it(tmp_path: Path) -> None:
    one, other = run(tmp_path, "one", range(20)), run(tmp_path, "other", range(25))
    run(tmp_path, "begun", range(30))
    folder = RunFolder(tmp_path / "begun")
    folder.save(replace(folder.manifest(), state="cancelled"))
    begun = load(folder)
    told = (
        "The evaluation begun is cancelled, so its figures are not final. "
        "Finish it: `python -m dashboard evaluate --resume begun`."
    )
    assert told in leaderboard([one, begun, other]).notes and told in compare(one, begun).notes
    under = load(folder, "true_label=cat")
    assert told in compare(begun, under).notes
    assert leaderboard([one, other]).notes == compare(one, other).notes == ()


def test_equal_answers_may_both_be_best(tmp_path: Path) -> None:
    board = leaderboard([run(tmp_path, "one", range(20)), run(tmp_path, "copy", range(20), 0.5)], "macro_f1")
    assert [each.may_be_best for each in board.ranked] == [True, True]


def test_another_metric_rules_nothing_out_by_a_few_images(tmp_path: Path) -> None:
    runs = [run(tmp_path, name, range(wrong)) for name, wrong in (("best", 20), ("near", 25), ("bad", 40))]
    best, near, bad = leaderboard(runs, "balanced_accuracy").ranked
    assert best.may_be_best and near.may_be_best and not bad.may_be_best
    assert behind_in_words(BY_NAME["balanced_accuracy"], 0.9, 0.875, near.difference).endswith(
        "(too few images differ)"
    )


def test_only_images_of_all_runs_count(tmp_path: Path) -> None:
    a, c = run(tmp_path, "a", range(20)), run(tmp_path, "c", range(30))
    part = slice(10, 200)
    files = [f"pictures/{i:03d}.png" for i in range(N)][part]
    b = load(
        write_run(
            tmp_path, "b", LABELS[part], probabilities(TRUE[part].tolist(), 3), NAMES, files, dataset_sha256="part"
        )
    )
    board = leaderboard([a, b, c])
    assert board.n == 190
    assert {each.manifest.run_id: each.scores["accuracy"].value for each in board.ranked} == pytest.approx(
        {"a": 180 / 190, "b": 1.0, "c": 170 / 190}
    )
    assert any("210 images" in note for note in board.notes)


def test_nothing_in_common(tmp_path: Path) -> None:
    a = run(tmp_path, "a", range(20))
    halves = [
        load(
            write_run(
                tmp_path, f"half{first}", LABELS[first : first + 200], probabilities(TRUE[:200].tolist(), 3), NAMES,
                [f"pictures/{i:03d}.png" for i in range(first, first + 200)], dataset_sha256=f"half{first}",
            )
        )
        for first in (0, 200)
    ]  # fmt: skip
    with pytest.raises(DatasetError, match="in all of these"):
        leaderboard([a, *halves])


def test_the_words_about_the_best_agree_with_the_mark() -> None:
    accuracy, ece = BY_NAME["accuracy"], BY_NAME["ece15"]
    assert behind_in_words(accuracy, 0.9, 0.9, None) == ""
    assert behind_in_words(accuracy, 0.9, 0.895, Score(-0.005, -0.0104, -0.00002, 900)) == "-0.5 (-1.040 to -0.002)"
    assert behind_in_words(accuracy, 0.9586, 0.9194, Score(-0.0392, -0.05, -0.03, 900)) == "-4.0 (-5.0 to -3.0)"
    assert behind_in_words(accuracy, np.nan, np.nan, Score(*[np.nan] * 3, 900)) == "- (-)"
    assert behind_in_words(ece, 0.1, 0.2, Score(0.1, -0.1, 0.3, 60)).endswith(
        "(fewer than 10 images per bin: mostly chance))"
    )


def test_no_evaluation_is_ranked_twice(tmp_path: Path) -> None:
    a, b = run(tmp_path, "a", range(20)), run(tmp_path, "b", range(10))
    with pytest.raises(DatasetError, match="The evaluation a is named twice") as caught:
        leaderboard([a, b, a])
    assert caught.value.code == "not_comparable"
