"""How labelled rows are divided: one half to fit something, the other half to measure whether it holds."""

from __future__ import annotations

FIT = slice(0, None, 2)  # the even rows
CHECK = slice(1, None, 2)  # the odd rows
