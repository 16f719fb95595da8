"""A report as one HTML file that needs nothing else: charts, pictures and scripts are inside it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from dashboard.core.shell import as_called
from dashboard.reports.chart_library import chart_library
from dashboard.reports.chart_specs import chart_spec
from dashboard.reports.document import Document

_FOLDER = Path(__file__).parent


def to_html(report: Document) -> str:
    """The HTML text. Raises DependencyError if the charts cannot be made.

    Its Content-Security-Policy allows only the scripts and styles that are in it, and no requests.
    """
    from jinja2 import Environment, FileSystemLoader

    drawn = {
        f"{section.id}-{number}": {"light": chart_spec(chart, False), "dark": chart_spec(chart, True)}
        for section in report.sections
        for number, chart in enumerate(section.charts)
    }
    library = chart_library() if drawn else ""
    script, style = ((_FOLDER / name).read_text("utf-8") for name in ("report.js", "report.css"))
    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    text = environment.get_template("report.html.j2").render(
        report=report,
        has_charts=bool(drawn),
        policy=_policy([library, script] if drawn else [], style),
        style=style,
        charts=_json_in_html(drawn),
        library=_script_in_html(library),
        script=script,
    )
    return as_called(text)


def _policy(scripts: list[str], style: str) -> str:
    allowed = " ".join(_source(text) for text in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_source(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json_in_html(value: object) -> str:
    """JSON that holds no character which HTML reads as the beginning of a tag, a comment or an entity."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _script_in_html(text: str) -> str:
    """A script of ours. Raises ValueError if HTML would end it too early."""
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError("this script cannot stand in HTML")
    return text
