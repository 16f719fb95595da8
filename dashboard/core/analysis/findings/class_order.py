"""Rules about all classes at once: their order is wrong, hardly more than one is predicted, or all answers are guesses."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import listed
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.other_order import LEAST_MOVED, MOST_ORDERED, other_order
from dashboard.core.metrics.percent import percent

_LEAST_FOR_PIXELS, _LEAST_FOR_CHANCE = 10, 100  # images
_MOST_KAPPA = 0.25  # agreement beyond chance that wrong pixels may leave
_MOST_KAPPA_AT_CHANCE = 0.2  # agreement beyond chance at the upper end of its interval: "slight" (Landis, Koch 1977)
_MOST_DEVIATIONS = 2.0  # standard deviations above chance
_MOST_MATCHED = 4  # labels that are named with their classes
MATCH_AGAIN = "Match its labels again"  # the button on the page
_COLLAPSED, _THEIR_LABELS = 0.8, 0.6  # share of the predictions in a few classes, and at most this share of the labels


def wrong_order(evidence: Evidence) -> Search:
    """Most errors vanish if the classes are put in another order."""
    if evidence.errors < LEAST_MOVED:
        return Search(1)
    confusion, images, names = evidence.confusion, evidence.images, evidence.names
    if np.count_nonzero(images + confusion.sum(axis=0)) > MOST_ORDERED:
        return Search(not_measured=f"there are more than {MOST_ORDERED:,} classes")
    found = other_order(confusion)
    if found is None:
        return Search(1)
    place = found.place
    share = proportion(found.fits, found.n)
    to = np.full(len(names), -1)
    to[list(place)] = list(place.values())
    rows = evidence.positions[(evidence.predicted == to[evidence.true]) & ~evidence.correct]
    where: tuple[str, ...] = ("correct=no",) if len(rows) == evidence.errors else ()
    if len(place) == 2:
        a, b = sorted(place)
        if "|" not in names[a] + names[b]:
            both = f"{names[a]}|{names[b]}"
            where = (f"true_label={both}", f"predicted_label={both}", "correct=no")
    examples = [f"{names[a]} is predicted as {names[b]}" for a, b in sorted(place.items()) if images[a]]
    finding = Finding(
        "wrong_order",
        f"{found.in_words(names)}: {found.fits:,} of {found.n:,} images would be right in the other order "
        f"({in_words(share)}), against {found.kept:,} now; {listed(examples, 2)}.",
        share.value, share.low, share.high, found.n,
        _matched_wrongly(evidence, place)
        + (
            "Check whether the two classes were swapped in the dataset (folders or labels) or in the class names of the model, "
            "then evaluate again."
            if len(place) == 2
            else "Check whether the dataset and the model have their classes in the same order, and, if the labels are numbers, "
            "whether they count from 0 or from 1. Then evaluate again."
        ),
        found.fits - found.kept, rows, where,
    )  # fmt: skip
    return Search(1, [Candidate(finding, found.p_value)])


def _matched_wrongly(evidence: Evidence, classes: Collection[int]) -> str:
    """What to do if the labels of these classes were matched to them the wrong way round; "" if they are called like them."""
    names = {evidence.names[i] for i in classes}
    matched = [
        f"{label} is used as {name}"
        for label, name in evidence.run.manifest.label_map
        if name in names and label.casefold() != name.casefold()
    ]
    if not matched:
        return ""
    return (
        f"{'; '.join(matched[:_MOST_MATCHED])}{' ...' if len(matched) > _MOST_MATCHED else ''}: if that is wrong, match the labels "
        f"again ({MATCH_AGAIN} in Actions, or `evaluate --map LABEL=CLASS`). Otherwise: "
    )


def wrong_pixels(evidence: Evidence) -> Search:
    """Nearly everything is predicted as one or two classes, hardly better than by chance."""
    from scipy.stats import binom

    confusion, n, k = evidence.confusion, evidence.n, len(evidence.names)
    predicted, images = confusion.sum(axis=0), evidence.images
    if n < _LEAST_FOR_PIXELS or (images > 0).sum() < 3:
        return Search(not_measured=f"fewer than {_LEAST_FOR_PIXELS} images, or fewer than 3 classes, have labels")
    top = np.argsort(-predicted, kind="stable")[: 1 if k < 5 else 2]
    count, labelled = int(predicted[top].sum()), int(images[top].sum())
    chance, accuracy = _by_chance(evidence), proportion(n - evidence.errors, n)
    kappa = (accuracy.value - chance) / (1 - chance) if chance < 1 else 1.0
    if kappa > _MOST_KAPPA or count < _COLLAPSED * n or labelled > _THEIR_LABELS * n:
        return Search(1)
    share = proportion(count, n)
    names = " or ".join(evidence.names[i] for i in top if predicted[i])
    if evidence.run.manifest.recorded_accuracy is None:
        reason, step = "the model was not trained", "if the file was saved before training, add the trained one"
    else:
        reason = "the pictures are very different from those it was trained on (noise, blur, another camera)"
        step = "if not, compare the pictures with those in training"
    finding = Finding(
        "wrong_pixels",
        f"{count:,} of {n:,} images are predicted as {names} ({in_words(share)}), and only {percent(accuracy.value)} of all "
        f"answers are right ({percent(chance)} would be by chance): perhaps the pixels are scaled wrongly, the channels are "
        f"in the wrong order, or {reason}.",
        share.value, share.low, share.high, n,
        "Compare the scaling and the order of channels with those in training (see Diagnostics), and if they differ, add the "
        f"model again with `models add --scale` or `--color`; {step}.",
        evidence.errors, evidence.positions[~evidence.correct], ("correct=no",),
    )  # fmt: skip
    return Search(1, [Candidate(finding, float(binom.sf(count - 1, n, labelled / n)))])


def at_chance(evidence: Evidence) -> Search:
    """The answers are right no more often than by chance, and there are enough images to say so.

    Where one class has nearly all images, chance alone is right nearly always. A good model then differs from it by a
    few images, so that the interval of its accuracy includes chance. Therefore, agreement beyond chance (Cohen's kappa)
    must be small even at the upper end of the interval, and no larger than if the predictions were dealt out at random.
    """
    n = evidence.n
    if n < _LEAST_FOR_CHANCE or (evidence.images > 0).sum() < 2:
        return Search(not_measured=f"fewer than {_LEAST_FOR_CHANCE} images, or fewer than 2 classes, have labels")
    chance, accuracy = _by_chance(evidence), proportion(n - evidence.errors, n)
    if accuracy.low > chance or evidence.errors < LEAST_MOVED or chance == 1:
        return Search(1)
    kappa_high = (accuracy.high - chance) / (1 - chance)
    if kappa_high > _MOST_KAPPA_AT_CHANCE or _agrees_beyond_chance(evidence):
        return Search(1)
    step = (
        "Check whether the model, its class names and the labels belong together, how the pixels are scaled, and that the "
        "file was saved after training."
    )
    if recorded := evidence.run.manifest.recorded_accuracy:
        step = (
            f"The model was right for {percent(recorded.value)} of its test images, so the labels may be matched wrongly: check "
            "that each one belongs to its image and means the class that it is matched to. If they do, check whether the images "
            "differ from those that the model was trained on."
        )
    finding = Finding(
        "at_chance",
        f"Only {n - evidence.errors:,} of {n:,} answers are right ({in_words(accuracy)}), no more than by chance "
        f"({percent(chance)}).",
        accuracy.value, accuracy.low, accuracy.high, n,
        step,
        evidence.errors, evidence.positions[~evidence.correct], ("correct=no",),
    )  # fmt: skip
    return Search(1, [Candidate(finding)])


def _agrees_beyond_chance(evidence: Evidence) -> bool:
    """Whether more answers are right than nearly always if the predictions were dealt out to the images at random.

    The variance of the number of right answers is the one of Cohen's kappa for independent classifications (Fleiss,
    Cohen, Everitt 1969), here for a permutation of the predictions.
    """
    n, images = evidence.n, evidence.images.astype(float)
    predicted = np.bincount(evidence.predicted, minlength=len(images)).astype(float)
    both = images * predicted
    variance = ((both * (n - images) * (n - predicted)).sum() + both.sum() ** 2 - (both**2).sum()) / (n**2 * (n - 1))
    return n - evidence.errors - both.sum() / n > _MOST_DEVIATIONS * variance**0.5


def _by_chance(evidence: Evidence) -> float:
    """The accuracy if the predictions were dealt out to the images at random."""
    return float(evidence.confusion.sum(axis=0) / evidence.n @ (evidence.images / evidence.n))
