"""Finds the input scaling that suits a model: by its own first layers, or by trying each of the usual ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dashboard.core.errors import ModelError
from dashboard.core.images.preprocessing import OTHER_NAMES, SCALINGS, Preprocessing
from dashboard.core.models.self_test import LabelledFile, Predict, SelfTest, judge, self_test
from dashboard.core.models.version import ModelVersion

CLEARLY = 0.05  # significance level of the one-sided sign test between two scalings
# The same where the right one is probably among them: then another one seldom wins by chance.
_WINNER = 0.1
_WIDTH = max(map(len, SCALINGS))


def scaled(recipe: Preprocessing, scaling: str) -> Preprocessing:
    """The preprocessing with one of SCALINGS, and the order of channels that belongs to it.

    Raises:
        ModelError: the name is unknown, or the scaling does not fit the channels.
    """
    known = SCALINGS.get(OTHER_NAMES.get(scaling, scaling))
    if known is None:
        raise ModelError(f"There is no scaling {scaling!r}.", f"Choose one of: {', '.join(SCALINGS)}.", "bad_scaling")
    if known.color and recipe.channels != 3:
        raise ModelError(
            f"The scaling {scaling!r} is for colour, but the model takes gray pictures.",
            "Choose 1/255, raw or -1..1.", "bad_scaling",
        )  # fmt: skip
    return replace(recipe, scale=known.scale, mean=known.mean, std=known.std, color=known.color or recipe.color)


def try_others(version: ModelVersion, samples: Sequence[LabelledFile], predict: Predict) -> dict[str, SelfTest]:
    """The self-test with each other scaling that works for the version, by the name of the scaling."""
    tests = {}
    mine = version.preprocessing
    for name in SCALINGS:
        if name != mine.scaling_name:
            try:
                color = "rgb" if SCALINGS.get(mine.scaling_name, SCALINGS["raw"]).color else mine.color
                candidate = replace(version, preprocessing=scaled(replace(mine, color=color), name))
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
    if best and clearly_better(tests[best], found) and judge(tests[best], version).status != "error":
        return best, tests[best]
    return None


def choose_scaling(
    given: str | None, told: str | None, told_by: str, tests: Mapping[str, SelfTest], what: str
) -> tuple[str, tuple[str, ...]]:
    """The scaling to use for a new model, and why.

    Args:
        given: the operator's choice, which is always used; None: choose one.
        told: the scaling that the model's own layers need; None: they do not tell.
        told_by: how it is known, as a sentence; or why not, as a part of a sentence.
        tests: self-tests on the same samples, by scaling; empty if there are no samples of the model's classes.
        what: the file, for messages.

    Raises:
        ModelError: no scaling was given and nothing tells which one is right; code `scaling_unknown`.
    """
    if given is not None:
        given = OTHER_NAMES.get(given, given)
        warning = ""
        if (best := _best(tests)) and best != given and clearly_better(tests[best], tests[given]):
            warning = f"Warning: on the samples {best} is clearly better than {given}, which was requested."
        return given, tuple(filter(None, (warning, *_about_tests(given, tests))))
    if told is not None:
        best = _best(tests)
        if best and best != told and told in tests and clearly_better(tests[best], tests[told]):
            why = f"{told_by} But on the samples {best} is clearly better, so it is used."
            return best, (why, *_about_tests(best, tests))
        return told, (told_by, *_about_tests(told, tests))
    if winner := _winner(tests):
        why = f"No scaling was given, and {told_by}. {winner} is used: on the samples it is clearly the best."
        return winner, (why, *_about_tests(winner, tests))
    raise _unknown(told_by, tests, what)


def _best(tests: Mapping[str, SelfTest]) -> str:
    return max(tests, key=lambda name: tests[name].right, default="")


def _winner(tests: Mapping[str, SelfTest]) -> str:
    """The scaling that is clearly better than every other and than guessing; "" if there is none."""
    best = _best(tests)
    if not best or not tests[best].better_than_guessing():
        return ""
    return best if all(clearly_better(tests[best], tests[other], _WINNER) for other in tests if other != best) else ""


def _unknown(why: str, tests: Mapping[str, SelfTest], what: str) -> ModelError:
    if tests:
        total = next(iter(tests.values())).accuracy.n
        why += f", and none is clearly the best on {total} labelled samples ({_counts(tests)} right)"
    else:
        why += ", and there are no labelled samples of its classes to try it on"
    return ModelError(
        f"The scaling of pixels that {what} needs is not known: {why}.",
        "Give the scaling that it was trained with:\n"
        + "".join(f"--scale {name:<{_WIDTH}}  {known.meaning}\n" for name, known in SCALINGS.items())
        + "Or give pictures of its classes to try them on, one folder per class: --samples FOLDER.",
        "scaling_unknown",
    )


def _counts(tests: Mapping[str, SelfTest]) -> str:
    return ", ".join(f"{name} {test.right}" for name, test in tests.items())


def _about_tests(chosen: str, tests: Mapping[str, SelfTest]) -> tuple[str, ...]:
    if chosen not in tests:
        return ()
    right, total = tests[chosen].right, tests[chosen].accuracy.n
    notes = [f"Correct predictions on {total} labelled samples, by scaling: {_counts(tests)}."]
    if 2 * right < total:
        notes.append(
            f"Warning: with {chosen} the model predicts only {right} of {total} samples correctly. "
            "Check the order of the class names, the scaling and the colour order."
        )
    return tuple(notes)


def clearly_better(a: SelfTest, b: SelfTest, level: float = CLEARLY) -> bool:
    """True if `a` is significantly more often right than `b` on the same samples (one-sided sign test)."""
    from scipy.stats import binomtest

    only_a = sum(x and not y for x, y in zip(a.correct, b.correct, strict=True))
    only_b = sum(y and not x for x, y in zip(a.correct, b.correct, strict=True))
    return only_a > only_b and bool(binomtest(only_a, only_a + only_b, alternative="greater").pvalue < level)
