"""How figures are rounded and shares are written in percent, wherever people read them."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

_DIGITS = 10  # after the point; what differs only beyond them is noise of floating-point arithmetic
_MOST_WRITTEN = 99.999  # percent, below 100


def rounded(value: float, decimals: int) -> Decimal:
    """The value with so many decimals. Halves go away from zero, and noise is removed first: 0.94149999999999 is 0.9415.

    Zero never has a minus sign.

    Args:
        value: finite.
    """
    return Decimal(repr(_exact(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0


def percent(share: float, decimals: int = 1) -> str:
    """A share as "94.2%". Only 1 reads "100.0%": a share below it gets up to three decimals, or is ">99.999%"."""
    if _MOST_WRITTEN < _exact(100 * share) < 100:
        return f">{_MOST_WRITTEN}%"
    return f"{in_percent(share, decimals)}%"


def in_percent(share: float, decimals: int = 1) -> str:
    """As `percent`, without the sign: for intervals."""
    value = 100 * _exact(share)
    if value < 100:
        decimals = decimals_apart(value, 100, decimals)
    return f"{rounded(value, decimals):f}"


def range_in_percent(low: float, high: float) -> str:
    """An interval of shares as "92.0-94.1"."""
    return f"{in_percent(low)}-{in_percent(high)}"


def decimals_apart(a: float, b: float, least: int) -> int:
    """How many decimals, at least `least`, it takes to tell two values apart; `least` if they are equal."""
    if same(a, b):
        return least
    return next((n for n in range(least, _DIGITS) if rounded(a, n) != rounded(b, n)), _DIGITS)


def same(a: float, b: float) -> bool:
    """Whether two values are equal but for noise."""
    return _exact(a) == _exact(b)


def _exact(value: float) -> float:
    return round(float(value), _DIGITS)


def out_of_range(
    name: str, number: float, is_percent: bool, least: float = 0.0, most: float = 1.0
) -> tuple[str, str] | None:
    """What is wrong with comparing a figure with a number that it can never have, and a way out; None if it can.

    Args:
        is_percent: the number was written in percent.
        least, most: the range of the figure.
    """
    if least <= number <= most:
        return None
    span = f"is never below {least:g}" if math.isinf(most) else f"lies between {least:g} and {most:g}"
    fix = "Choose a number in this range."
    if most == 1 and not is_percent and 1 < number <= 100:
        fix = f"Write {number:g}% if you mean percent."
    return f"{name} {span}, so it is no use to compare it with {number:g}.", fix
