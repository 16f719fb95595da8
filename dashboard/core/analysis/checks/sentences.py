"""Reads the sentence of one check, such as `accuracy >= 0.93`, `recall[cat] >= 85%` or `not worse than RUN`."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from difflib import get_close_matches
from typing import cast

from dashboard.core.analysis.checks.check import Comparison, NoFinding, NotWorse, Operator, Part
from dashboard.core.analysis.findings.rules import IDS
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import out_of_range

OF_A_CLASS = ("recall", "precision", "f1")
_ONLY_ON_THE_PAGE = ("auroc", "roc_auc", "auc", "average_precision", "ap")
COUNTS = ("n", "failed", "findings")
EXAMPLES = (
    "accuracy >= 0.93, accuracy.low >= 0.92, recall[cat] >= 85%, ece15 <= 0.03, n >= 1000, failed <= 1%, findings <= 3, "
    "no finding: overconfident, or not worse than RUN"
)
_COMPARISON = re.compile(r"(\w+)\s*(?:\[(.+)\])?\s*(?:\.(\w+))?\s*(>=|<=|==|>|<)\s*(\S+)", re.DOTALL)
_NO_FINDING = re.compile(r"no finding\s*:\s*(\S+)", re.IGNORECASE)
_NOT_WORSE = re.compile(r"not worse than\s+(\S+)", re.IGNORECASE)


def read_sentence(text: str) -> Comparison | NoFinding | NotWorse:
    """What a check demands. Raises ValueError with two arguments: what is wrong, and a way out."""
    text = text.strip()
    if found := _NOT_WORSE.fullmatch(text):
        return NotWorse(found[1])
    if found := _NO_FINDING.fullmatch(text):
        return NoFinding(_known(found[1], IDS, "finding"))
    if re.fullmatch(r"no findings?", text, re.IGNORECASE):
        return Comparison("findings", None, "value", "<=", 0, False)
    found = _COMPARISON.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a check.", f"Write {EXAMPLES}.")
    metric, of_class, part, operator, limit = found.groups()
    if metric.lower() in _ONLY_ON_THE_PAGE:
        raise ValueError(
            f"A check cannot be about {metric}.",
            "AUROC and average precision of each class are on the page of the evaluation, under Confidence > Curves.",
        )
    metric = _known(metric, (*BY_NAME, *OF_A_CLASS, *COUNTS), "metric")
    part = _known(part or "value", ("value", "low", "high"), "part of a figure")
    if metric in OF_A_CLASS and of_class is None:
        raise ValueError(f"{metric} needs a class.", f"Write {metric}[CLASS] {operator} {limit}.")
    if metric not in OF_A_CLASS and of_class is not None:
        raise ValueError(
            f"{metric} is not about one class.", f"Leave out [{of_class}], or use recall, precision or f1."
        )
    if metric in COUNTS and part != "value":
        raise ValueError(f"{metric} is a count and has no interval.", f"Leave out .{part}.")
    number, percent = limit.removesuffix("%"), limit.endswith("%")
    try:
        value = float(Decimal(number) / (100 if percent else 1))  # as a decimal, so that 92.9% is the nearest to 0.929
    except ArithmeticError:  # not a number, or too large for a decimal
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{limit!r} is not a number.", "Write a number such as 0.93 or 93%.")
    if percent and metric in ("n", "findings"):
        raise ValueError(f"{metric} is a count, not a share.", f"Write {metric} {operator} 10, for example.")
    _check_range(metric, part, value, percent)
    of_class = of_class.strip() if of_class else None
    return Comparison(metric, of_class, cast(Part, part), cast(Operator, operator), value, percent)


def _check_range(metric: str, part: str, limit: float, percent: bool) -> None:
    """Raises ValueError for a limit that no value of the metric can have, since the check would always come out alike."""
    least, most = 0.0, math.inf if metric in COUNTS and not percent else 1.0
    if metric in BY_NAME:
        least, most = BY_NAME[metric].least, BY_NAME[metric].most
    name = metric if part == "value" else f"{metric}.{part}"
    if wrong := out_of_range(name, limit, percent, least, most):
        raise ValueError(*wrong)


def _known(name: str, names: tuple[str, ...], what: str) -> str:
    if name in names:
        return name
    near = get_close_matches(name, names, 1)
    guess = f"Did you mean {near[0]}? " if near else ""
    raise ValueError(f"There is no {what} {name!r}.", f"{guess}There are: {', '.join(names)}.")
