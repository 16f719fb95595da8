"""The faithfulness test of a map; a formula takes the place of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.core.explanations import faithfulness
from dashboard.core.explanations.faithfulness import (
    SHARES,
    area,
    gaussian,
    judge,
    measure,
    prediction_limit,
    read_scores,
    removal_order,
    variants,
)
from dashboard.core.explanations.records import Faithfulness, MapScores

SIDE = 16
PICTURES = 1200  # the share that passes has a standard error of 0.6%
CORNER = np.s_[1:5, 10:15]


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).random((SIDE, SIDE, 3)).astype(np.float32)


def looks_at(image: np.ndarray, part: tuple[slice, slice]) -> faithfulness.Probability:
    """A model whose confidence is higher the more the pixels of `part` are like those of `image`."""

    def probability(images: np.ndarray) -> np.ndarray:
        off = np.abs(images - image)[(slice(None), *part)].mean(axis=(1, 2, 3))
        return 1 - off / off.max()

    return probability


def marking(part: tuple[slice, slice]) -> np.ndarray:
    heatmap = np.zeros((SIDE, SIDE), np.float32)
    heatmap[part] = 1
    return heatmap


def test_a_map_of_what_matters_is_better_and_one_of_the_rest_is_not(image: np.ndarray) -> None:
    right, wrong, empty = marking(CORNER), 1 - marking(CORNER), np.zeros((4, 4), np.float32)
    results = measure(image, [right, wrong, empty], looks_at(image, CORNER))
    assert [r.verdict for r in results] == ["better", "chance", "empty"]
    best = results[0].map
    # 20 of 256 pixels matter, so all of them are removed at a share of 0.1
    assert best.deletion[0] == best.insertion[-1] == 1 and best.deletion[1] == pytest.approx(best.deletion[-1])
    assert best.insertion[1] == pytest.approx(1) and best.deletion_auc < 0.3 and best.insertion_auc > 0.8
    assert best.average_drop == pytest.approx(0) and results[1].map.average_drop > 0.3
    assert best.score > results[0].random.score > results[1].map.score
    assert len({r.sentence for r in results}) == 3 and "do not rely" in results[1].sentence


def test_a_spot_in_the_middle_is_no_better_than_a_spot_in_the_middle(image: np.ndarray) -> None:
    """The control map also finds an object in the centre, so the map gets no better verdict than "mixed"."""
    middle = np.s_[5:11, 5:11]
    guess = gaussian(SIDE, SIDE)
    [result] = measure(image, [guess], looks_at(image, middle))
    assert result.verdict == "mixed" and result.map.score == pytest.approx(result.gaussian.score)


def test_the_verdict_says_from_how_many_random_maps_it_is_estimated_and_what_it_does_not_tell() -> None:
    randoms = [scored(s) for s in (0.02, 0.05, 0.0, 0.04)]
    sentences = {own: judge(scored(own), randoms, scored(0.1), empty=False).sentence for own in (0.9, 0.095, 0.05)}
    assert all("about 95% of" in s and "estimated from 4" in s for s in sentences.values())
    assert "whether or not the answer is right" in sentences[0.9]


def test_it_tells_whether_an_empty_picture_keeps_the_class() -> None:
    def tested(*deletion: float) -> bool:
        own = replace(scored(0.5), deletion=np.array(deletion))
        return judge(own, [scored(0.0), scored(0.1)], scored(0.1), empty=False).also_when_empty

    assert tested(0.9, 0.2, 0.46) and not tested(0.9, 0.8, 0.44)


def test_one_random_map_in_twenty_beats_the_limit() -> None:
    """Each picture has random maps of its own; the next random map of it should pass in 5% of the pictures."""
    rng = np.random.default_rng(5)
    passed = 0
    for _ in range(PICTURES):
        picture = rng.random((8, 8, 3)).astype(np.float32)
        weights = rng.random((8, 8, 1)) ** 3  # some pixels matter more than others

        def probability(images: np.ndarray, picture: np.ndarray = picture, weights: np.ndarray = weights) -> np.ndarray:
            return np.exp(-4 * (weights * np.abs(images - picture)).mean(axis=(1, 2, 3)))

        [result] = measure(picture, [rng.random((8, 8))], probability)
        passed += result.map.score > result.random_limit
    assert 0.03 < passed / PICTURES < 0.07, passed


def test_the_limit_by_hand() -> None:
    """Scores 0, 2, 4, 6: mean 3, standard deviation 2.582, t of 3 degrees of freedom 2.3534."""
    expected = 3 + 2.353363 * np.sqrt(20 / 3) * np.sqrt(1 + 1 / 4)
    assert prediction_limit(np.array([0.0, 2.0, 4.0, 6.0])) == pytest.approx(expected, rel=1e-6)
    assert prediction_limit(np.full(8, 0.3)) == pytest.approx(0.3)
    eight = np.arange(8.0)  # t of 7 degrees of freedom 1.8946; a normal distribution would give 1.6449
    assert prediction_limit(eight) == pytest.approx(3.5 + 1.894579 * np.sqrt(6) * np.sqrt(9 / 8), rel=1e-6)


def test_the_limit_does_not_hang_on_the_luckiest_random_map() -> None:
    ordinary = [scored(s) for s in (0.02, 0.05, -0.01, 0.04, 0.0, 0.03, 0.01, 0.02)]
    assert judge(scored(0.18), ordinary, scored(0.1), empty=False).verdict == "better"
    lucky = [*ordinary[:-1], scored(0.25)]
    assert judge(scored(0.38), lucky, scored(0.1), empty=False).verdict == "better"
    assert judge(scored(0.18), lucky, scored(0.1), empty=False).verdict == "unsure"


def test_a_grid_is_asked_in_one_batch_and_the_same_each_time(image: np.ndarray) -> None:
    sizes: list[int] = []

    def probability(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return looks_at(image, CORNER)(images)

    maps = [np.random.default_rng(1).random(grid) for grid in ((4, 4), (4, 4), (SIDE, SIDE))]
    first, again = (measure(image, maps, probability) for _ in range(2))
    controls = 1 + faithfulness.RANDOM_MAPS  # the Gaussian and the random maps
    assert sizes == [3 + (controls + n) * (2 * (len(SHARES) - 2) + 1) for n in (2, 1)] * 2
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.map.deletion, other.map.deletion)
        assert np.array_equal(one.random_scores, other.random_scores)
    assert np.array_equal(first[0].random_scores, first[1].random_scores)  # the same grid
    assert first[0].random_limit != first[2].random_limit  # a coarse and a fine one
    for heatmap, one in zip(maps, first, strict=True):
        [alone] = measure(image, [heatmap], probability)
        assert alone.verdict == one.verdict and np.array_equal(alone.random_scores, one.random_scores)
        assert alone.map.score == one.map.score and alone.gaussian.score == one.gaussian.score


def test_maps_of_a_large_image_are_asked_about_in_turn(image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def probability(images: np.ndarray) -> np.ndarray:
        sizes.append(images.nbytes)
        return (images * image).mean(axis=(1, 2, 3))

    maps = [np.random.default_rng(i).random((4, 4)) for i in range(5)]
    at_once = measure(image, maps, probability)
    monkeypatch.setattr(faithfulness, "VARIANTS_BYTES", sizes.pop() // 4)
    in_turn = measure(image, maps, probability)
    assert len(sizes) > 4 and max(sizes) <= faithfulness.VARIANTS_BYTES
    for one, other in zip(at_once, in_turn, strict=True):
        assert one.verdict == other.verdict and one.map.score == pytest.approx(other.map.score)


def test_the_order_is_that_of_the_map_and_random_where_it_is_level() -> None:
    heatmap = np.array([[[0.1, 0.9], [0.5, 0.0]]])
    assert removal_order(heatmap, np.random.default_rng(0)).tolist() == [[[2, 0], [1, 3]]]
    level = removal_order(np.zeros((1, 20, 20)), np.random.default_rng(0))[0]
    assert sorted(level.ravel()) == list(range(400))
    assert abs(level[:10].mean() - level[10:].mean()) < 40  # not in order from top to bottom


def test_variants_remove_insert_and_multiply(image: np.ndarray) -> None:
    heatmap = np.random.default_rng(2).random((1, SIDE, SIDE)).astype(np.float32)
    ranks = removal_order(heatmap, np.random.default_rng(0))
    stack = variants(image, heatmap, ranks)
    whole, removed, blurred = stack[:3]
    inner = len(SHARES) - 2
    assert np.array_equal(whole, image) and np.ptp(removed, axis=(0, 1)).max() == 0
    assert removed.mean() == pytest.approx(image.mean(), rel=1e-5) and blurred.std() < image.std() / 2
    half = SHARES[1:-1].tolist().index(0.5)
    top = ranks[0] < SIDE * SIDE / 2
    deleted, inserted = stack[3 + half], stack[3 + inner + half]
    assert np.array_equal(deleted[~top], image[~top]) and np.array_equal(deleted[top], removed[top])
    assert np.array_equal(inserted[top], image[top]) and np.array_equal(inserted[~top], blurred[~top])
    assert np.allclose(stack[-1] - removed, heatmap[0][..., None] * (image - removed), atol=1e-6)


def test_scores_by_hand() -> None:
    inner = len(SHARES) - 2
    p = np.concatenate([[0.8, 0.0, 0.2], np.full(inner, 0.4), np.full(inner, 0.6), [0.2]])
    [scores] = read_scores(p, 1)
    assert scores.deletion_auc == pytest.approx(0.1 * (0.6 + 8 * 0.4 + 0.2))
    assert scores.insertion_auc == pytest.approx(0.1 * (0.4 + 8 * 0.6 + 0.7))
    assert scores.average_drop == pytest.approx(0.75) and scores.score == pytest.approx(0.59 - 0.4)
    assert area(SHARES) == pytest.approx(0.5)
    p[-1] = 1.0
    assert read_scores(p, 1)[0].average_drop == 0  # a higher confidence is not a drop


def scored(score: float) -> MapScores:
    return MapScores(np.zeros(11), np.zeros(11), 0.0, score, 0.0)


@pytest.mark.parametrize(
    "own, centred, empty, verdict",
    [(0.5, 0.4, False, "better"), (0.5, 0.6, False, "mixed"), (0.5, 0.5, False, "mixed"), (0.3, 0.1, False, "unsure"),
     (0.2, 0.1, False, "chance"), (0.1, 0.0, False, "chance"), (0.9, 0.1, True, "empty")],
)  # fmt: skip
def test_a_map_has_to_beat_every_control(own: float, centred: float, empty: bool, verdict: str) -> None:
    randoms = [scored(s) for s in (0.1, 0.3, 0.2, 0.2)]  # mean 0.2, limit 0.415
    result: Faithfulness = judge(scored(own), randoms, scored(centred), empty)
    assert result.verdict == verdict and result.random.score == pytest.approx(0.2)
    assert result.random_scores.tolist() == pytest.approx([0.1, 0.3, 0.2, 0.2])
    assert result.random_limit == pytest.approx(0.2 + 2.353363 * 0.0816497 * np.sqrt(1.25), rel=1e-5)


def test_where_the_probability_does_not_move_nothing_is_judged(image: np.ndarray) -> None:
    [result] = measure(image, [marking(CORNER)], lambda images: 0.3 + 0.01 * looks_at(image, CORNER)(images))
    assert result.verdict == "unmoved" and "cannot be judged" in result.sentence


def test_gray_pictures_of_any_proportion() -> None:
    tall = np.random.default_rng(3).random((20, 6, 1)).astype(np.float32)
    [result] = measure(tall, [np.eye(3)], lambda images: images.mean(axis=(1, 2, 3)))
    assert result.map.deletion.shape == result.shares.shape and np.isfinite(result.map.score)
