"""What several maps of one picture say together; the maps are spots whose place is known."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.explanations.agreement import (
    LEAST_CORRELATION,
    LEAST_OVERLAP,
    correlations,
    largest_agreement,
    most_marked,
    on_common_grid,
    overlaps,
    place_in_words,
    summarise,
)
from dashboard.core.explanations.faithfulness import SHARES
from dashboard.core.explanations.records import Explanation, Faithfulness, MapScores, Verdict
from dashboard.core.models.prediction import Prediction

PREDICTION = Prediction(np.zeros(2, np.float32), np.array([0.5, 0.5]))


def spot(x: float, y: float, side: int = 16, width: float = 0.2) -> np.ndarray:
    """A round spot with its middle at (x, y), each in [0, 1]."""
    at = (np.arange(side) + 0.5) / side
    return np.exp(-((at[None] - x) ** 2 + (at[:, None] - y) ** 2) / (2 * width**2))


def explained(method: str, heatmap: np.ndarray, score: float = 0.5, verdict: Verdict = "better") -> Explanation:
    own = MapScores(SHARES, SHARES, 0.0, score, 0.0)
    test = Faithfulness(SHARES, own, own, own, verdict, np.zeros(8), 0.1)
    return Explanation(PREDICTION, heatmap, not heatmap.any(), method, None, 0, (), test)


@pytest.mark.parametrize(
    "x, y, place",
    [(0.2, 0.2, "the upper left"), (0.8, 0.2, "the upper right"), (0.5, 0.5, "the centre"), (0.5, 0.9, "the lower part"),
     (0.1, 0.5, "the left"), (0.9, 0.5, "the right"), (0.8, 0.9, "the lower right"), (0.5, 0.1, "the upper part")],
)  # fmt: skip
def test_the_place_in_words(x: float, y: float, place: str) -> None:
    assert place_in_words(spot(x, y)) == place


def test_marks_far_apart_are_several_places() -> None:
    assert place_in_words(spot(0.05, 0.05, width=0.1) + spot(0.95, 0.95, width=0.1)) == "several places"
    assert place_in_words(np.ones((8, 8))) == "several places"


def test_faint_marks_all_over_do_not_hide_a_narrow_spot() -> None:
    narrow, faint = spot(0.75, 0.25, side=32, width=0.05), np.random.default_rng(0).random((32, 32))
    assert place_in_words(narrow + 0.2 * faint) == "the upper right"


def test_two_narrow_spots_are_not_their_middle() -> None:
    two = spot(0.5, 0.25, side=32, width=0.05) + spot(0.2, 0.8, side=32, width=0.05)
    assert place_in_words(two) == "several places"


def test_the_most_marked_part_is_a_fifth_and_never_without_evidence() -> None:
    ramp = np.arange(100.0).reshape(10, 10)
    assert most_marked(ramp).sum() == 20 and most_marked(ramp)[8:].all()
    one = np.zeros((10, 10))
    one[3, 4] = 1
    assert most_marked(one).tolist() == (one > 0).tolist()


def test_correlations_and_overlaps_by_hand() -> None:
    ramp = np.arange(100.0).reshape(10, 10)
    maps = np.stack([ramp, -ramp, np.roll(ramp, -1, axis=0), np.ones((10, 10))])
    assert correlations(maps)[0, :2].tolist() == pytest.approx([1, -1]) and correlations(maps)[0, 3] == 0
    positive = maps + 101
    # rows 9 and 8 against rows 8 and 7, after the first row has become the last: one of two rows is shared
    assert overlaps(positive)[0, 1] == 0 and overlaps(positive)[0, 2] == pytest.approx(0.5)


def test_maps_of_any_grid_are_compared_on_one() -> None:
    small, large = on_common_grid(spot(0.3, 0.3, 4)), on_common_grid(spot(0.3, 0.3, 224))
    assert small.shape == large.shape == (32, 32) and small.max() == large.max() == 1
    assert correlations(np.stack([small, large]))[0, 1] > 0.9


def test_maps_that_do_not_know_of_each_other_hardly_ever_agree() -> None:
    """Random maps on a grid of 4x4, the coarsest that is used, agree most easily by chance."""
    rng = np.random.default_rng(3)
    maps = np.stack([on_common_grid(rng.random((4, 4))) for _ in range(60)])
    agree = (correlations(maps) >= LEAST_CORRELATION) & (overlaps(maps) >= LEAST_OVERLAP)
    assert agree[np.triu_indices(60, 1)].mean() < 0.03


def test_maps_that_agree_and_where() -> None:
    found = [
        explained("occlusion", spot(0.22, 0.25), 0.6),
        explained("integrated-gradients", spot(0.25, 0.2), 0.7),
        explained("grad-cam", spot(0.8, 0.8), 0.9, "chance"),
    ]
    told = summarise(found, of=3)
    assert told.sentence == "Integrated Gradients and Occlusion agree: they point to the upper left."
    assert told.reason.startswith("2 of 3 maps passed the faithfulness test")


def test_a_map_that_differs_is_named() -> None:
    found = [explained("grad-cam", spot(0.5, 0.5)), explained("hires-cam", spot(0.5, 0.48)),
             explained("occlusion", spot(0.1, 0.9))]  # fmt: skip
    told = summarise(found, of=8)
    assert told.sentence == (
        "Grad-CAM and HiResCAM agree, as maps of one layer mostly do: they point to the centre. Occlusion points "
        "to the lower left."
    )
    assert "5 more can be made on the tab Methods" in told.reason


def test_a_map_of_another_shape_that_points_to_the_same_place_is_no_other_answer() -> None:
    faint = 0.1 * np.random.default_rng(0).random((32, 32))
    fine, blurred = spot(0.2, 0.2, side=32, width=0.06) + faint, spot(0.25, 0.25, width=0.2)
    same, other = explained("integrated-gradients", fine, 0.8), explained("occlusion", blurred, 0.6)
    told = summarise([explained("smooth-grad", fine, 0.9), same, other], of=3)
    assert told.sentence == (
        "SmoothGrad and Integrated Gradients agree: they point to the upper left. Occlusion points there too, with another "
        "shape."
    )
    assert summarise([same, other], of=3).sentence == (
        "The 2 maps that passed the faithfulness test point to the upper left, with different shapes."
    )


def test_every_group_that_agrees_is_named() -> None:
    left = [explained(m, spot(0.1, 0.5), s) for m, s in (("smooth-grad", 0.9), ("integrated-gradients", 0.8))]
    centre = [explained(m, spot(0.5, 0.5), s) for m, s in (("score-cam", 0.7), ("layer-cam", 0.6))]
    told = summarise([*left, *centre, explained("occlusion", spot(0.9, 0.1), 0.5)], of=8)
    assert told.sentence == (
        "SmoothGrad and Integrated Gradients agree: they point to the left. Score-CAM and LayerCAM agree with each other, as maps "
        "of one layer mostly do: they point to the centre. Occlusion points to the upper right."
    )
    assert "A map that points to the centre is not that spot" in told.reason
    assert "more than that spot" not in summarise(left, of=8).reason


def test_of_equal_groups_the_one_with_the_best_map_counts() -> None:
    found = [explained(m, spot(x, 0.5), s) for m, x, s in (("grad-cam", 0.1, 0.9), ("occlusion", 0.9, 0.8),
             ("hires-cam", 0.9, 0.7), ("smooth-grad", 0.1, 0.6))]  # fmt: skip
    assert largest_agreement(found).methods == ("Grad-CAM", "SmoothGrad")


@pytest.mark.parametrize(
    "found, of, sentence",
    [
        ([explained("occlusion", spot(0.5, 0.5))], 1, "Only Occlusion can be relied on: it points to the centre."),
        ([explained("grad-cam", spot(0.5, 0.5), verdict="mixed")], 1, "No map can be relied on for this picture."),
        ([explained("grad-cam", spot(0.5, 0.5), verdict="unsure"), explained("hires-cam", spot(0.5, 0.5), verdict="chance")],
         8, "None of these 2 maps can be relied on for this picture. The tab Methods tests the other 6."),
        ([explained(m, spot(0.5, 0.5), verdict="chance") for m in ("grad-cam", "hires-cam", "grad-cam++", "layer-cam")], 8,
         "None of the 4 quick maps can be relied on for this picture. The 4 slower ones have not been tried yet: the tab "
         "Methods makes them."),
        ([explained(m, np.zeros((4, 4)), verdict="empty") for m in ("grad-cam", "hires-cam", "grad-cam++", "layer-cam")], 8,
         "The 4 quick maps show no evidence for this class. The 4 slower ones have not been tried yet: the tab Methods makes "
         "them."),
        ([explained("grad-cam", spot(0.5, 0.5), verdict="chance")], 8,
         "Grad-CAM cannot be relied on for this picture. The tab Methods tests the other 7."),
        ([explained("grad-cam", spot(0.5, 0.5))], 8,
         "Grad-CAM passed the faithfulness test: it points to the centre. The tab Methods tests the other 7."),
        ([explained("occlusion", spot(0.5, 0.5)), explained("grad-cam", spot(0.5, 0.5), verdict="chance")], 3,
         "Occlusion passed the faithfulness test: it points to the centre. The tab Methods tests the other one."),
        ([explained("grad-cam", np.zeros((4, 4)), verdict="empty")], 8,
         "Grad-CAM shows no evidence for this class. The tab Methods tests the other 7."),
        ([explained(m, np.zeros((4, 4)), verdict="empty") for m in ("grad-cam", "hires-cam")], 8,
         "These 2 maps show no evidence for this class. The tab Methods tests the other 6."),
        ([explained("grad-cam", spot(0.5, 0.5), verdict="unmoved")], 8,
         "Grad-CAM cannot be judged for this picture: the probability of this class hardly changes. "
         "The tab Methods tests the other 7."),
        ([explained(m, spot(0.5, 0.5)) for m in ("grad-cam", "hires-cam", "grad-cam++", "layer-cam")], 8,
         "All 4 maps that passed the faithfulness test agree, as maps of one layer mostly do: they point to the centre."),
        ([explained("grad-cam", np.zeros((4, 4)), verdict="empty")], 1, "There is no evidence for this class: all maps are empty."),
        ([explained("grad-cam", spot(0.5, 0.5), verdict="unmoved")], 1,
         "No map can be judged for this picture: the probability of this class hardly changes."),
        ([explained("grad-cam", spot(0.1, 0.5), 0.9), explained("occlusion", spot(0.9, 0.5), 0.4)], 2,
         "The maps that passed the faithfulness test disagree. The best, Grad-CAM, points to the left."),
        ([explained(m, spot(0.5, 0.5)) for m in ("grad-cam", "hires-cam", "layer-cam", "occlusion")], 8,
         "All 4 maps that passed the faithfulness test agree: they point to the centre."),
    ],
)  # fmt: skip
def test_the_sentence(found: list[Explanation], of: int, sentence: str) -> None:
    assert summarise(found, of).sentence == sentence
