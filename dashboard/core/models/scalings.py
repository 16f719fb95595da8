"""Finds the input scaling that suits a model: tries each of the usual ones on labelled samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dashboard.core.errors import ModelError
from dashboard.core.images.preprocessing import SCALINGS, Preprocessing
from dashboard.core.models.self_test import LabelledFile, Predict, SelfTest, judge, self_test
from dashboard.core.models.version import ModelVersion

CLEARLY = 0.05  # significance level of the one-sided sign test between two scalings


def scaled(recipe: Preprocessing, scaling: str) -> Preprocessing:
    """The preprocessing with one of SCALINGS. Raises ModelError if the name is unknown or does not fit the channels."""
    if scaling not in SCALINGS:
        raise ModelError(f"There is no scaling {scaling!r}.", f"Choose one of: {', '.join(SCALINGS)}.", "bad_scaling")
    scale, mean, std = SCALINGS[scaling]
    return replace(recipe, scale=scale, mean=mean, std=std)


def try_others(version: ModelVersion, samples: Sequence[LabelledFile], predict: Predict) -> dict[str, SelfTest]:
    """The self-test with each other scaling that works for the version, by the name of the scaling."""
    tests = {}
    for name in SCALINGS:
        if name != version.preprocessing.scaling_name:
            try:
                candidate = replace(version, preprocessing=scaled(version.preprocessing, name))
                tests[name] = self_test(candidate, samples, predict)
            except ModelError:  # the scaling does not fit the channels, or the answers are not finite
                continue
    return tests


def better_scaling(
    version: ModelVersion, samples: Sequence[LabelledFile], predict: Predict, found: SelfTest
) -> tuple[str, SelfTest] | None:
    """The best other scaling with its self-test, if it passes and is clearly better than `found`; else None."""
    tests = try_others(version, samples, predict)
    best = max(tests, key=lambda name: tests[name].right, default="")
    if best and _clearly_better(tests[best], found) and judge(tests[best], version).status != "error":
        return best, tests[best]
    return None


def choose_scaling(
    given: str | None, scales_itself: bool, tests: Mapping[str, SelfTest]
) -> tuple[str, tuple[str, ...]]:
    """The scaling to use for a new model, and why.

    Args:
        given: the operator's choice, which is always used; None: choose one.
        scales_itself: True if the model's first layers do arithmetic on the pixels.
        tests: self-tests on the same samples, by scaling, in the order tried; empty if there are no samples.
    """
    chosen, notes = given or first_scaling(scales_itself), []
    if given is None:
        notes.append(
            "The model scales its input itself, so it gets pixels from 0 to 255 (raw)."
            if scales_itself
            else f"No scaling was given. {chosen} is assumed."
        )
    if not tests:
        return chosen, tuple(notes)
    best = max(tests, key=lambda name: (tests[name].right, name == chosen))
    if _clearly_better(tests[best], tests[chosen]):
        if given is None:
            notes[-1] = f"No scaling was given. {best} is used: on the samples it is clearly better than {chosen}."
            chosen = best
        else:
            notes.append(f"Warning: on the samples {best} is clearly better than {chosen}, which was requested.")
    right, total = tests[chosen].right, tests[chosen].accuracy.n
    counts = ", ".join(f"{name} {test.right}" for name, test in tests.items())
    notes.append(f"Correct predictions on {total} labelled samples, by scaling: {counts}.")
    if 2 * right < total:
        notes.append(
            f"Warning: with {chosen} the model predicts only {right} of {total} samples correctly. "
            "Check the order of the class names, the scaling and the colour order."
        )
    return chosen, tuple(notes)


def first_scaling(scales_itself: bool) -> str:
    """The scaling that is assumed for a new model."""
    return "raw" if scales_itself else "1/255"


def _clearly_better(a: SelfTest, b: SelfTest) -> bool:
    """True if `a` is significantly better than `b` on the same samples (sign test)."""
    from scipy.stats import binomtest

    only_a = sum(x and not y for x, y in zip(a.correct, b.correct, strict=True))
    only_b = sum(y and not x for x, y in zip(a.correct, b.correct, strict=True))
    return only_a > only_b and bool(binomtest(only_a, only_a + only_b, alternative="greater").pvalue < CLEARLY)
