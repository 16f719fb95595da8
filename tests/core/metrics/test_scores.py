"""Metrics with intervals: against scikit-learn, reference predictions, and the truth in simulations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from sklearn import metrics as sk

from dashboard.core.metrics import recall_limits
from dashboard.core.metrics import scores as module
from dashboard.core.metrics.answers import Answers, note_on_classes, probabilities_of
from dashboard.core.metrics.calibration import equal_mass_reliability
from dashboard.core.metrics.definitions import METRICS
from dashboard.core.metrics.recall_limits import OF_RECALLS, limits_of_recalls
from dashboard.core.metrics.scores import MOST_RESAMPLED, Score, compared, scores
from dashboard.core.metrics.weighted import SHARES, WeightedMetrics, class_metrics

ORACLE = Path(__file__).resolve().parents[4] / "shared" / "oracles"


def simulated(
    n: int, seed: int, k: int = 10, strength: float = 3.0, sharpness: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, k) and labels (n,) of a classifier that is right for some images."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    logits = rng.normal(0, 1, (n, k))
    logits[np.arange(n), labels] += strength
    probs = np.exp(logits * sharpness)
    return probs / probs.sum(axis=1, keepdims=True), labels


def answers_of(pred_probs: np.ndarray, true_ids: np.ndarray) -> Answers:
    """The answers for probabilities (N, K) and labels (N,) in [0, K)."""
    k = pred_probs.shape[1]
    return Answers(true_ids, pred_probs.argmax(axis=1), k, probabilities_of(pred_probs, true_ids))


REFERENCE: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda y, p, probs: sk.accuracy_score(y, p),
    "top2": lambda y, p, probs: sk.top_k_accuracy_score(y, probs, k=2, labels=range(10)),
    "top3": lambda y, p, probs: sk.top_k_accuracy_score(y, probs, k=3, labels=range(10)),
    "top5": lambda y, p, probs: sk.top_k_accuracy_score(y, probs, k=5, labels=range(10)),
    "macro_f1": lambda y, p, probs: sk.f1_score(y, p, average="macro"),
    "weighted_f1": lambda y, p, probs: sk.f1_score(y, p, average="weighted"),
    "mcc": lambda y, p, probs: sk.matthews_corrcoef(y, p),
    "cohen_kappa": lambda y, p, probs: sk.cohen_kappa_score(y, p),
    "log_loss": lambda y, p, probs: sk.log_loss(y, probs, labels=range(10)),
    "brier": lambda y, p, probs: float(((probs - np.eye(10)[y]) ** 2).sum(axis=1).mean()),
}


@pytest.mark.parametrize("which", ["all", "two classes", "one predicted class", "few"])
def test_values_are_those_of_scikit_learn(which: str) -> None:
    probs, labels = simulated(700, 1, strength=1.5)
    rows = {
        "all": np.ones(700, bool),
        "two classes": np.isin(labels, (3, 5)),
        "one predicted class": probs.argmax(axis=1) == 4,
        "few": np.arange(700) < 7,
    }[which]
    found = scores(answers_of(probs[rows], labels[rows]))
    predicted = probs[rows].argmax(axis=1)
    assert {*REFERENCE, "balanced_accuracy", "ece15", "ece15_equal_mass", "ece10", "aurc"} == {*found}
    for name, reference in REFERENCE.items():
        assert found[name].value == pytest.approx(reference(labels[rows], predicted, probs[rows]), abs=1e-12), name
        assert found[name].n == rows.sum()
    of_true = np.isin(predicted, labels[rows])  # scikit-learn warns about other predictions
    if of_true.all():
        expected = sk.balanced_accuracy_score(labels[rows], predicted)
        assert found["balanced_accuracy"].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.skipif(not ORACLE.exists(), reason="the reference predictions are not on this machine")
def test_values_on_the_reference_predictions() -> None:
    found = scores(
        answers_of(np.load(ORACLE / "cifar10_test_pred_probs.npy"), np.load(ORACLE / "cifar10_test_labels.npy"))
    )
    expected = {
        "accuracy": 0.9294, "ece15": 0.03259, "ece10": 0.03216, "ece15_equal_mass": 0.03210, "log_loss": 0.24917,
        "brier": 0.10995, "aurc": 0.008492,
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=5e-4), name


def test_equal_confidences_share_a_bin_of_equal_mass_whatever_their_order() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.choice([0.6, 0.7, 0.8], 200)
    probs, labels = np.stack([confidence, 1 - confidence], axis=1), rng.integers(2, size=200)
    expected = equal_mass_reliability(confidence, labels == 0).ece
    for order in (np.arange(200), rng.permutation(200)):
        found = scores(answers_of(probs[order], labels[order]))["ece15_equal_mass"].value
        assert found == pytest.approx(expected, abs=1e-12)


def test_images_of_equal_confidence_are_accepted_together_in_any_order() -> None:
    """By hand: three images of confidence 0.9, one of them wrong, and a right one of confidence 0.6."""
    probs, labels = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.6, 0.4]]), np.array([0, 0, 1, 0])
    for order in itertools.permutations(range(4)):
        found = scores(answers_of(probs[[*order]], labels[[*order]]))["aurc"].value
        assert found == pytest.approx((3 * 1 / 3 + 1 / 4) / 4)


def test_a_resample_is_scored_as_if_it_were_the_images() -> None:
    """Also where several images have the same confidence."""
    probs, labels = simulated(300, 7, k=3, strength=1.0)
    answers = answers_of(np.round(probs, 1), labels)
    drawn = np.random.default_rng(7).integers(300, size=(4, 300))
    weights = np.stack([np.bincount(each, minlength=300) for each in drawn]).astype(float)
    expected = [WeightedMetrics(answers.take(each)).values(np.ones((1, 300)))["aurc"][0] for each in drawn]
    assert WeightedMetrics(answers).values(weights)["aurc"] == pytest.approx(expected, abs=1e-12)


def test_ranks_of_equal_probabilities_follow_the_class_ids() -> None:
    probs = np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.2, 0.2, 0.6]])
    answers = answers_of(probs, np.array([0, 1, 1]))
    assert answers.probabilities is not None
    assert answers.probabilities.rank_of_label.tolist() == [1, 2, 3]
    assert answers.correct.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("k", "left"), [(2, set()), (3, {"top2"}), (5, {"top2", "top3"}), (6, {"top2", "top3", "top5"})]
)
def test_top_k_is_left_out_where_it_is_always_all(k: int, left: set[str]) -> None:
    answers = answers_of(*simulated(60, 2, k=k))
    assert {name for name in scores(answers) if name.startswith("top")} == left
    assert {name for name in compared(answers, answers).differences if name.startswith("top")} == left


def test_metrics_of_probabilities_are_left_out_without_probabilities() -> None:
    found = scores(Answers(np.array([0, 1, 1]), np.array([0, 1, 0]), 2, None))
    assert {*found} == {m.name for m in METRICS if not m.of_confidence}
    assert found["accuracy"].value == pytest.approx(2 / 3)


def test_no_images_have_no_metrics_and_one_image_has_those_that_are_defined() -> None:
    probs, labels = simulated(1, 2)
    assert scores(answers_of(probs[:0], labels[:0])) == {}
    one = scores(answers_of(np.array([[0.9, 0.1]]), np.array([0])))
    assert one["accuracy"].value == 1 and not one["cohen_kappa"].is_meaningful
    assert np.isfinite([one["accuracy"].low, one["accuracy"].high]).all()
    assert math.isnan(one["log_loss"].low) and one["log_loss"].value == pytest.approx(-math.log(0.9))


def test_shares_have_the_interval_of_wilson() -> None:
    found = scores(answers_of(*simulated(300, 3)))
    for name in ("accuracy", "top2", "top3", "top5"):
        expected = binomtest(round(found[name].value * 300), 300).proportion_ci(method="wilson")
        assert (found[name].low, found[name].high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_of_a_mean_is_that_of_scipy_bootstrap() -> None:
    probs, labels = simulated(500, 4)
    losses = -np.log(probs[np.arange(500), labels])
    expected = bootstrap((losses,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0))
    found = scores(answers_of(probs, labels))["log_loss"]
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.06 * width)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.06 * width)


def test_a_part_of_many_images_gives_the_interval_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = answers_of(*simulated(4 * MOST_RESAMPLED, 5))
    from_part = scores(answers)
    monkeypatch.setattr(module, "MOST_RESAMPLED", 4 * MOST_RESAMPLED)
    monkeypatch.setattr(module, "RESAMPLES", 300)
    for name, score in scores(answers).items():
        assert from_part[name].value == score.value
        assert from_part[name].high - from_part[name].low == pytest.approx(score.high - score.low, rel=0.2), name


def test_intervals_cover_the_truth_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 300)
    big = answers_of(*simulated(400_000, 6, strength=2.5, sharpness=1.3))
    truth = {name: float(value[0]) for name, value in WeightedMetrics(big).values(np.ones((1, len(big)))).items()}
    repeats = 400
    covered = dict.fromkeys(truth, 0)
    for seed in range(repeats):
        for name, score in scores(answers_of(*simulated(500, 1000 + seed, strength=2.5, sharpness=1.3))).items():
            covered[name] += score.low <= truth[name] <= score.high
    for name, hits in covered.items():
        assert 0.93 <= hits / repeats <= 0.975, (name, hits / repeats)


def test_a_rare_class_without_errors_may_still_have_some() -> None:
    """By hand: 487 of 490 and 10 of 10 are right, and the recall of the ten may be as low as 72%."""
    predicted = np.array([0] * 487 + [1] * 3 + [1] * 10)
    found = scores(Answers(np.array([0] * 490 + [1] * 10), predicted, 2, None))
    recalls = [binomtest(right, n).proportion_ci(method="wilson") for right, n in ((487, 490), (10, 10))]
    down = math.hypot(487 / 490 - recalls[0].low, 1 - recalls[1].low) / 2
    assert found["balanced_accuracy"].value == pytest.approx((487 / 490 + 1) / 2)
    assert found["balanced_accuracy"].low == pytest.approx(found["balanced_accuracy"].value - down)
    assert 0.85 < found["balanced_accuracy"].low < 0.87
    alone = Answers(np.array([0] * 490 + [1] * 10), np.array([0] * 487 + [1] * 3 + [1] * 7 + [0] * 3), 2, None)
    for name in ("macro_f1", "mcc", "cohen_kappa"):  # recalls of 487 / 490 and 7 of 10 are in the intervals
        assert found[name].low < scores(alone)[name].value, name


@pytest.mark.parametrize(
    ("images", "predicted_as"),
    [
        ((498, 2), ((0.997, 0.003), (0.2, 0.8))),
        ((490, 10), ((0.994, 0.006), (0.05, 0.95))),
        ((200, 20, 5), ((0.99, 0.005, 0.005), (0.01, 0.98, 0.01), (0.02, 0.02, 0.96))),
        ((180, 20), ((0.98, 0.02), (0.95, 0.05))),
    ],
)
def test_intervals_with_rare_classes_cover_the_truth(
    images: tuple[int, ...], predicted_as: tuple[tuple[float, ...], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 200)
    expected = np.array(predicted_as) * np.array(images)[:, None]
    truth = class_metrics(expected.sum(axis=1)[None], expected.sum(axis=0)[None], expected.diagonal()[None])
    labels, k, repeats = np.repeat(np.arange(len(images)), images), len(images), 200
    covered = dict.fromkeys(OF_RECALLS, 0)
    for seed in range(repeats):
        drawn = np.random.default_rng(seed).random(len(labels))
        predicted = (drawn[:, None] > np.cumsum(predicted_as, axis=1)[labels]).sum(axis=1).clip(0, k - 1)
        found = scores(Answers(labels, predicted, k, None))
        for name in OF_RECALLS:
            covered[name] += found[name].low <= truth[name][0] <= found[name].high
    for name, hits in covered.items():
        assert hits / repeats >= 0.9, (name, hits / repeats)


def test_many_classes_are_moved_in_pieces_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    probs, labels = simulated(300, 11, k=12)
    answers = answers_of(probs, labels)
    at_once = limits_of_recalls(answers)
    monkeypatch.setattr(recall_limits, "_BLOCK", 30)
    assert limits_of_recalls(answers) == {name: pytest.approx(limits) for name, limits in at_once.items()}


def test_two_equal_evaluations_do_not_differ() -> None:
    answers = answers_of(*simulated(400, 8))
    for name, difference in compared(answers, answers).differences.items():
        assert difference.value == 0, name
        if name in SHARES:
            assert -0.02 < difference.low < 0 < difference.high < 0.02, name
        else:
            assert math.isnan(difference.low) and math.isnan(difference.high), name


def test_no_mistake_among_few_images_is_no_proof() -> None:
    answers = answers_of(np.array([[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4), np.array([0] * 4 + [1] * 4))
    found = scores(answers)
    low = binomtest(8, 8).proportion_ci(method="wilson").low
    assert (found["accuracy"].value, found["accuracy"].low, found["accuracy"].high) == pytest.approx((1, low, 1))
    of_class = binomtest(4, 4).proportion_ci(method="wilson").low
    assert found["balanced_accuracy"].low == pytest.approx(1 - math.sqrt(2 * (1 - of_class) ** 2) / 2)
    for name in OF_RECALLS:
        assert (found[name].value, found[name].high) == (1, 1) and found[name].low < low, name
    assert found["log_loss"].value == pytest.approx(-np.log(0.9)) and math.isnan(found["log_loss"].low)
    wrong = answers_of(np.array([[0.1, 0.9]] * 4 + [[0.9, 0.1]] * 4), np.array([0] * 4 + [1] * 4))
    difference = compared(answers, wrong).differences["accuracy"]
    assert (difference.value, difference.low) == (-1, -1) and -0.6 < difference.high < -0.5


def test_a_model_that_always_predicts_the_same_class_might_find_some_of_the_other() -> None:
    """Every resample gives the same. The interval of the accuracy, which is 95%, says nothing about an MCC of 0."""
    labels = np.array([0] * 950 + [1] * 50)
    found = scores(Answers(labels, np.zeros(1000, int), 2, None))
    for name, value in (("mcc", 0), ("cohen_kappa", 0), ("balanced_accuracy", 0.5)):
        assert found[name].value == pytest.approx(value), name
        assert found[name].low < value < found[name].high < value + 0.3, name
    none = binomtest(0, 50).proportion_ci(method="wilson")
    assert found["balanced_accuracy"].high == pytest.approx(0.5 + none.high / 2)
    share = binomtest(950, 1000).proportion_ci(method="wilson")
    assert (found["accuracy"].low, found["accuracy"].high) == pytest.approx((share.low, share.high))
    assert found["macro_f1"].low < found["macro_f1"].value < found["macro_f1"].high


def test_resamples_that_lack_a_rare_class_are_no_better_than_others() -> None:
    """Two images of 100 are of class 1; one resample of seven has none of them."""
    labels = np.array([0] * 98 + [1] * 2)
    constant = scores(Answers(labels, np.zeros(100, int), 2, None))["balanced_accuracy"]
    two = binomtest(0, 2).proportion_ci(method="wilson")
    assert constant.value == 0.5 and constant.high == pytest.approx(0.5 + two.high / 2)
    found = scores(Answers(labels, np.array([0] * 90 + [1] * 8 + [1, 0]), 2, None))
    assert found["balanced_accuracy"].value == pytest.approx((90 / 98 + 0.5) / 2)
    assert found["balanced_accuracy"].high < 1
    assert found["macro_f1"].low < found["macro_f1"].value < found["macro_f1"].high


def test_the_interval_of_equal_pairs_is_that_of_newcombe() -> None:
    """Method 10 by hand: 95 pairs of 100 are right in both, 5 in neither."""
    answers = answers_of(np.array([[0.9, 0.1]] * 90 + [[0.1, 0.9]] * 10), np.array([0] * 95 + [1] * 5))
    share = binomtest(95, 100).proportion_ci(method="wilson")
    alike = (95 * 5 - 50) / (95 * 5)  # phi, corrected for continuity
    down, up = 0.95 - share.low, share.high - 0.95
    reach = math.sqrt(down**2 - 2 * alike * down * up + up**2)
    found = compared(answers, answers).differences["accuracy"]
    assert (found.low, found.high) == pytest.approx((-reach, reach))


def test_macro_f1_lies_in_its_interval_also_with_few_images_of_each_class() -> None:
    rng = np.random.default_rng(9)
    labels = np.repeat(np.arange(100), 3)
    probs = rng.dirichlet(np.full(100, 0.1), 300)
    probs[np.arange(300), labels] += rng.random(300)
    found = scores(answers_of(probs / probs.sum(axis=1, keepdims=True), labels))
    for name in ("macro_f1", "weighted_f1"):
        assert found[name].low < found[name].value < found[name].high, name


def test_a_difference_of_independent_evaluations_is_as_uncertain_as_both() -> None:
    """Also if one of them has no error."""
    perfect = Answers(np.array([0] * 20 + [1] * 5), np.array([0] * 20 + [1] * 5), 2, None)
    a, b = answers_of(*simulated(300, 3, k=2)), perfect
    found = compared(a, b, paired=False)
    for name, difference in found.differences.items():
        of_a, of_b = found.a[name], found.b[name]
        down = math.hypot(of_b.value - of_b.low, of_a.high - of_a.value)
        assert difference.low == pytest.approx(of_b.value - of_a.value - down), name
        assert difference.n == 325 and difference.low < of_b.low - of_a.value, name


def test_a_difference_is_paired() -> None:
    """Both see the same images, so the interval is narrower than that of two independent evaluations."""
    probs, labels = simulated(1000, 9)
    better = probs * 0.8 + 0.2 * np.eye(10)[labels]
    a, b = answers_of(probs, labels), answers_of(better, labels)
    found = compared(a, b).differences["log_loss"]
    losses = [-np.log(each[np.arange(1000), labels]) for each in (probs, better)]
    paired = (losses[1] - losses[0]).std() / np.sqrt(1000)
    assert found.value == pytest.approx((losses[1] - losses[0]).mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * paired, rel=0.1)


def test_a_predicted_class_without_images_decides_no_comparison() -> None:
    """Of 80 images, the second has two more wrong, which it calls a third class."""
    labels = np.repeat([0, 1], 40)
    by_a, by_b = labels.copy(), labels.copy()
    by_a[:8], by_b[4:12], by_b[40:42] = 1, 1, 2
    a, b = (Answers(labels, predicted, 3, None) for predicted in (by_a, by_b))
    found = compared(a, b)
    for side, predicted in ((found.a, by_a), (found.b, by_b)):
        assert side["macro_f1"].value == pytest.approx(sk.f1_score(labels, predicted, labels=[0, 1], average="macro"))
        assert side["macro_f1"].low < side["macro_f1"].value < side["macro_f1"].high
    difference = found.differences["macro_f1"]
    assert not difference.excludes_zero and difference.value == found.b["macro_f1"].value - found.a["macro_f1"].value
    assert scores(b)["macro_f1"].value == pytest.approx(sk.f1_score(labels, by_b, average="macro"))
    assert "the 2 classes with images in both" in note_on_classes(a, b) and note_on_classes(a, a) == ""


def test_macro_averages_of_other_images_are_over_the_classes_of_both() -> None:
    rng = np.random.default_rng(4)
    (labels_a, by_a), (labels_b, by_b) = rng.integers(0, 3, (2, 90)), rng.integers(1, 4, (2, 60))
    a, b = Answers(labels_a, by_a, 4, None), Answers(labels_b, by_b, 4, None)
    found = compared(a, b, paired=False)
    for side, labels, predicted in ((found.a, labels_a, by_a), (found.b, labels_b, by_b)):
        expected = sk.precision_recall_fscore_support(labels, predicted, labels=[1, 2], average="macro")
        assert (side["balanced_accuracy"].value, side["macro_f1"].value) == pytest.approx(expected[1:3])
    assert "the 2 classes with images in both" in note_on_classes(a, b)


def test_macro_averages_are_not_compared_if_no_class_has_images_in_both() -> None:
    a, b = (Answers(np.array(labels), np.array([0, 1, 2, 3]), 4, None) for labels in ([0, 1, 1, 0], [2, 3, 2, 3]))
    found = compared(a, b, paired=False)
    assert not {"balanced_accuracy", "macro_f1"} & {*found.a, *found.b, *found.differences}
    assert found.differences["weighted_f1"].is_meaningful and "cannot be compared" in note_on_classes(a, b)


def test_answers_about_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 2 answers"):
        compared(answers_of(*simulated(3, 1)), answers_of(*simulated(2, 1)))


def test_metrics_that_need_several_labels_have_no_figures_where_only_one_occurs() -> None:
    probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    one, both = answers_of(probs, np.zeros(4, int)), answers_of(probs, np.array([0, 0, 1, 1]))
    needs_several = {"balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "cohen_kappa"}

    def empty(found: dict[str, Score]) -> set[str]:
        names = {name for name, score in found.items() if not score.is_meaningful}
        assert all(np.isnan([found[name].low, found[name].high]).all() and found[name].n for name in names)
        return names

    assert empty(scores(one)) == needs_several and empty(scores(both)) == set()
    two = compared(one, both)
    assert (empty(two.a), empty(two.b), empty(two.differences)) == (needs_several, set(), needs_several)
    assert empty(compared(both, one).differences) == needs_several
    assert empty(compared(both, both).differences) == set()
