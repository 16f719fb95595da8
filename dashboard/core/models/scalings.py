"""Finds the input scaling that suits a model: by its own first layers, or by trying each of the usual ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dashboard.core.errors import ModelError, listed
from dashboard.core.images.preprocessing import OTHER_NAMES, SCALINGS, ColorMode, Preprocessing, Scaling
from dashboard.core.models.name_order import OtherNames, other_names
from dashboard.core.models.self_test import (
    CLEARLY,
    LabelledFile,
    Predict,
    SelfTest,
    best_of,
    clearly_better,
    judge,
    self_test,
)
from dashboard.core.models.version import ModelVersion

# Significance level where the right scaling is probably among them: then another one seldom wins by chance.
_WINNER = 0.1
_WIDTH = max(map(len, SCALINGS))
_OWN_SCALING = (
    "If it was trained with other numbers, put them into the model as its first layer, keras.layers.Rescaling or "
    "keras.layers.Normalization, and add that model."
)
_ORDERS: dict[ColorMode, str] = {"rgb": "red, green, blue", "bgr": "blue, green, red"}


def scaled(recipe: Preprocessing, scaling: str) -> Preprocessing:
    """The preprocessing with one of SCALINGS, and the order of channels that belongs to it.

    Raises:
        ModelError: the name is unknown, or the scaling does not fit the channels.
    """
    known = SCALINGS.get(OTHER_NAMES.get(scaling, scaling))
    if known is None:
        raise ModelError(f"There is no scaling {scaling!r}.", f"Choose one of: {', '.join(SCALINGS)}.", "bad_scaling")
    if not _fits(known, recipe.channels):
        raise ModelError(
            f"The scaling {scaling!r} is for colour, but the model takes gray pictures.",
            "Choose 1/255, raw or -1..1.", "bad_scaling",
        )  # fmt: skip
    return replace(recipe, scale=known.scale, mean=known.mean, std=known.std, color=known.color or recipe.color)


def _fits(scaling: Scaling, channels: int) -> bool:
    return channels == 3 or not (scaling.color or len(scaling.mean) > 1)


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
    tests: Mapping[str, SelfTest], version: ModelVersion, found: SelfTest
) -> tuple[str, SelfTest] | None:
    """The best scaling with its self-test, if it passes, is mostly right and clearly better than `found`; else None."""
    best = best_of(tests)
    if not best or not _mostly_right(tests[best]):
        return None
    if clearly_better(tests[best], found) and judge(tests[best], version).status != "error":
        return best, tests[best]
    return None


def choose_scaling(
    given: str | None, told: str | None, told_by: str, tests: Mapping[str, SelfTest], what: str, channels: int = 3
) -> tuple[str, tuple[str, ...]]:
    """The scaling to use for a new model, and why.

    Args:
        given: the operator's choice, which is always used; None: choose one.
        told: the scaling that the model's own layers need; None: they do not tell.
        told_by: how it is known, as a sentence; or why not, as a part of a sentence.
        tests: self-tests on the same samples, by scaling; empty if there are no samples of the model's classes.
        what: the file, for messages.
        channels: of the model's input.

    Raises:
        ModelError: no scaling was given, and nothing tells which one is right (code `scaling_unknown`), or the samples
            fit another order of the class names at least as well (code `class_names`).
    """
    best = best_of(tests)
    if given is not None:
        given = OTHER_NAMES.get(given, given)
        names = other_names(tests, given)
        warning = doubt = ""
        if told is not None and told != given and not _overrules(given, told, tests):
            doubt = (
                f"Warning: {told_by} That asks for the scaling {told}, but {given} was requested, so the answers may be "
                f"wrong. Unless you know that it was trained so, add it again with --scale {told}."
            )
        if names:
            warning = f"Warning: {names}; in the order that was given and with {given}, {tests[given].right} are."
            if not clearly_better(names.test, tests[best]):
                warning += f" But with {best} in the order that was given, {tests[best].right} are."
            warning += (
                f" If the names are in the wrong order, add the model again with {names.option} "
                f"--scale {names.scaling}."
            )
        elif best and best != given and (_overrules(best, given, tests) or (told is None and _winner(tests))):
            warning = f"Warning: on the samples {best} is clearly better than {given}, which was requested."
        return given, tuple(filter(None, (doubt, warning, *_about_tests(given, tests, names is not None))))
    names = other_names(tests, told)
    if names and (told is not None or clearly_better(names.test, tests[best]) or _winner(tests)):
        raise _names_in_doubt(names, tests, what)
    if told is not None:
        if best != told and _overrules(best, told, tests):
            why = f"{told_by} But on the samples {best} is clearly better, so it is used."
            return best, (why, *_about_tests(best, tests))
        return told, (told_by, *_about_tests(told, tests))
    if winner := _winner(tests):
        why = (
            f"No scaling was given, and {told_by}. {winner} is used: on the samples it is clearly the best of "
            f"{listed([*tests])}. {_OWN_SCALING}"
        )
        return winner, (why, *_about_tests(winner, tests))
    raise _unknown(told_by, tests, what, channels)


def check_colors(
    color: ColorMode | None, chosen: str, tests: Mapping[str, SelfTest], turned: Mapping[str, SelfTest], what: str
) -> tuple[str, ...]:
    """A warning if the samples speak against the order of colours that the operator gave; () if they do not.

    If none was given, a note if the other one is right more often, but on too few samples to tell.

    Args:
        color: the order of colours that was given; None: none was.
        chosen: the scaling to use.
        tests: self-tests on the same samples, by scaling.
        turned: the same with the colours in the other order.

    Raises:
        ModelError: none was given, and the samples speak for the other one (code `color_unknown`).
    """
    best = best_of(turned)
    clear = best != "" and clearly_better(turned[best], tests[chosen])
    if not clear:
        best = chosen if chosen in turned and turned[chosen].right > tests[chosen].right and not color else ""
    if not best or not turned[best].better_than_guessing():
        return ()  # where the class names are in the wrong order, guessing alone beats the right order of colours
    mine: ColorMode = SCALINGS[chosen].color or color or "rgb"
    other: ColorMode = "rgb" if color == "bgr" else "bgr"
    found = (
        f"with the colours in the order {_ORDERS[other]} and the scaling {best}, {turned[best].right} of "
        f"{turned[best].accuracy.n} labelled samples are right; in the order {_ORDERS[mine]} with {chosen}, "
        f"{tests[chosen].right} are"
    )
    if color:
        return (f"Warning: {found}. If it was trained so, add it again with --color {other} --scale {best}.",)
    if not clear:
        return (
            f"The order of colours is not certain: {found}. These are too few samples to tell one from the other. If it was "
            f"trained with {_ORDERS[other]}, as OpenCV reads pictures, add it again with --color {other} --scale {best}. To find "
            "out, give more pictures of its classes: --samples FOLDER.",
        )  # fmt: skip
    present = f"--scale {chosen}" if SCALINGS[chosen].color else f"--color {mine} --scale {chosen}"
    raise ModelError(
        f"It is not certain which order of colours {what} needs: {found}.",
        "Look up how the model was trained; OpenCV reads pictures as blue, green, red. Then add "
        f"`--color {other} --scale {best}` or `{present}`.",
        "color_unknown",
    )


def _overrules(scaling: str, other: str, tests: Mapping[str, SelfTest]) -> bool:
    """True if the samples speak for `scaling` so clearly that it is taken, whatever else speaks for `other`."""
    if scaling not in tests or other not in tests or not _mostly_right(tests[scaling]):
        return False
    level = CLEARLY / (len(tests) - 1)  # of several others, one is soon better by chance
    return clearly_better(tests[scaling], tests[other], level)


def _mostly_right(test: SelfTest) -> bool:
    """True if at least half is right and guessing is not: if all scalings are wrong, one of them is the luckiest."""
    return 2 * test.right >= test.accuracy.n and test.better_than_guessing()


def _winner(tests: Mapping[str, SelfTest]) -> str:
    """The scaling that is clearly better than every other and than guessing; "" if there is none."""
    best = best_of(tests)
    if not best or not tests[best].better_than_guessing():
        return ""
    return best if all(clearly_better(tests[best], tests[other], _WINNER) for other in tests if other != best) else ""


def _names_in_doubt(names: OtherNames, tests: Mapping[str, SelfTest], what: str) -> ModelError:
    best = best_of(tests)
    scale = f"--scale {names.scaling}"
    if clearly_better(names.test, tests[best]):
        return ModelError(
            f"The class names of {what} seem to be in the wrong order. {names}; in the order that was given, at most "
            f"{tests[best].right} are, whatever the scaling.",
            f"Give the class names in the order of the model's outputs: {names.option}. If they are right and the "
            f"samples have the wrong labels, add {scale}.",
            "class_names",
        )  # fmt: skip
    colours = ", which takes the colours in the order blue, green, red" if SCALINGS[best].color == "bgr" else ""
    return ModelError(
        f"Either the class names of {what} are in the wrong order, or it needs the scaling {best}{colours}. {names}; in "
        f"the order that was given and with {best}, {tests[best].right} are.",
        f"Look up how the model was trained. If the class names are right, add --scale {best}. If not, give them in the "
        f"order of the model's outputs: {names.option} {scale}.",
        "class_names",
    )  # fmt: skip


def _unknown(why: str, tests: Mapping[str, SelfTest], what: str, channels: int) -> ModelError:
    more = "Or give pictures of its classes alone to try them on, one folder per class: --samples FOLDER."
    few_right = ""
    if tests:
        more = "Or give more pictures of its classes to try them on: --samples FOLDER."
        total = next(iter(tests.values())).accuracy.n
        why += f", and none is clearly the best on {total} labelled samples ({_counts(tests)} right)"
        if 2 * tests[best_of(tests)].right < total:
            few_right = " That so few are right may also come from class names in the wrong order."
            more = (
                "If the class names are in the wrong order, give them in the order of the model's outputs: "
                f"--class-names a,b,c.\n{more}"
            )
    else:
        why += ", and there are no labelled samples of its classes alone to try it on"
    return ModelError(
        f"The scaling of pixels that {what} needs is not known: {why}.{few_right}",
        "Give the scaling that it was trained with:\n"
        + "".join(
            f"--scale {name:<{_WIDTH}}  {known.meaning}\n" for name, known in SCALINGS.items() if _fits(known, channels)
        )
        + f"{_OWN_SCALING}\n{more}",
        "scaling_unknown",
    )


def _counts(tests: Mapping[str, SelfTest]) -> str:
    return ", ".join(f"{name} {test.right}" for name, test in tests.items())


def _about_tests(chosen: str, tests: Mapping[str, SelfTest], names_doubted: bool = False) -> tuple[str, ...]:
    if chosen not in tests:
        return ()
    right, total = tests[chosen].right, tests[chosen].accuracy.n
    notes = [f"Correct predictions on {total} labelled samples, by scaling: {_counts(tests)}."]
    if not names_doubted and (2 * right < total or not tests[chosen].better_than_guessing()):
        how = "no" if right * max(2, tests[chosen].classes) <= total else "hardly"
        guessing = "" if tests[chosen].better_than_guessing() else f", which is {how} better than guessing"
        notes.append(
            f"Warning: with {chosen} the model predicts only {right} of {total} samples correctly{guessing}. "
            "Check the order of the class names, the scaling and the colour order."
        )
    return tuple(notes)
