"""Charts as specifications that a browser draws, in the colours of the report."""

from __future__ import annotations

from typing import Any

from dashboard.reports.document import Chart

_INK = {False: "#1c2530", True: "#e6ebf0"}
_QUIET = {False: "#55606c", True: "#a3aeb9"}
_LINE = {False: "#d9dfe6", True: "#303c48"}
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def chart_spec(chart: Chart, dark: bool) -> dict[str, Any]:
    """The Vega-Lite specification of a chart, for a light or a dark background."""
    spec: dict[str, Any] = chart.draw(dark).to_dict()
    texts = {"labelColor": _QUIET[dark], "titleColor": _INK[dark], "titleFontWeight": "normal"}
    lines = {"gridColor": _LINE[dark], "domainColor": _LINE[dark], "tickColor": _LINE[dark]}
    spec["config"] = {
        "background": None,
        "font": _FONT,
        "axis": {**texts, **lines, "labelFontSize": 12, "titleFontSize": 12},
        "legend": {**texts, "labelFontSize": 12},
        "view": {"stroke": None},
    }
    return spec
