"""The HTML file: one file, no requests, and no name that becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess

import pytest

from dashboard.core.errors import DependencyError
from dashboard.core.runs.store import RunStore
from dashboard.reports import chart_library as library_file
from dashboard.reports.build import report_of
from dashboard.reports.chart_library import chart_library
from dashboard.reports.html_file import to_html
from tests.reports.made_runs import (
    COMMENT_FILE,
    HOSTILE,
    LINES_FILE,
    SCRIPT,
    TAG,
    confused,
    hostile,
    pets,
    report,
    store_run,
)
from tests.reports.page import Parsed
from tests.run_rows import ok

MOST_BYTES_BESIDE_LIBRARY = 150_000  # of a report about a handful of images


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    return Parsed(to_html(report(store, hostile(store))))


def test_names_are_text(page: Parsed) -> None:
    for name in (*HOSTILE, COMMENT_FILE, LINES_FILE):
        assert name in page.text
    assert len(page.scripts) == 3
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "p", "dl", "div", "dt", "dd", "code",
        "nav", "a", "section", "h2", "h3", "figure", "figcaption", "noscript", "table", "thead", "tr", "th", "tbody", "td",
        "ul", "ol", "li", "strong", "br", "img", "span", "b", "small", "pre", "script",
    }  # fmt: skip
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in page.all("img"))
    assert len(page.all("img")) == 6


def test_names_in_charts_are_data(page: Parsed) -> None:
    [data, library, script] = page.scripts
    charts = json.loads(data)
    assert set(charts) == {"confusion-0", "classes-0", "confidence-0", "confidence-1"}
    assert not set("<>&") & set(data)
    values = json.dumps(charts["confusion-0"]["light"], ensure_ascii=False)
    assert TAG in values and SCRIPT in values
    assert library == chart_library() and "alert" not in script


def test_names_in_findings_and_comparisons_are_text(store: RunStore) -> None:
    run = confused(store, (TAG, SCRIPT))
    other = confused(store, (TAG, SCRIPT), run_id="20251231-000000-abc", model=TAG)
    page = Parsed(to_html(report(store, run, other)))
    assert f"30 images: labelled {TAG}" in page.text and f"B is {TAG} on pets.zip" in page.text
    assert not page.all("img") and len(page.scripts) == 3 and "comparison-0" in json.loads(page.scripts[0])


def test_each_chart_is_drawn_for_light_and_dark(page: Parsed) -> None:
    charts = json.loads(page.scripts[0])
    assert all(set(chart) == {"light", "dark"} for chart in charts.values())
    light, dark = charts["confusion-0"]["light"]["config"], charts["confusion-0"]["dark"]["config"]
    assert light["axis"]["titleColor"] != dark["axis"]["titleColor"]
    places = [div["data-chart"] for div in page.all("div") if "data-chart" in div]
    assert sorted(map(str, places)) == sorted(charts) and all(
        div["aria-label"] for div in page.all("div") if "data-chart" in div
    )


def test_the_policy_allows_only_what_is_in_the_file(page: Parsed) -> None:
    [policy] = [str(meta["content"]) for meta in page.all("meta") if meta.get("http-equiv")]
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert directives["default-src"] == "'none'" and directives["img-src"] == "data:"
    assert "unsafe" not in policy and "http:" not in policy and "https:" not in policy

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert directives["script-src"].split() == [source(text) for text in page.scripts[1:]]
    assert directives["style-src"] == source(page.styles[0])


def test_nothing_is_loaded_from_elsewhere(page: Parsed) -> None:
    """No element and no style names an address; links lead to places in the file."""
    for tag, attributes in page.elements:
        assert not {"srcset", "data", "action", "poster", "background"} & set(attributes), tag
        assert tag == "img" or "src" not in attributes
    assert all(str(link["href"]).startswith("#") for link in page.all("a"))
    assert not re.search(r"url\(|@import", page.styles[0])
    assert not re.findall(r'"(?:url|href)":', page.scripts[0])


def test_its_size_is_that_of_the_library_and_the_pictures(store: RunStore) -> None:
    text = to_html(report_of(hostile(store), store, ()))
    assert len(text.encode()) < len(chart_library().encode()) + MOST_BYTES_BESIDE_LIBRARY


def test_without_charts_there_are_no_scripts(store: RunStore) -> None:
    page = Parsed(to_html(report_of(store_run(store, [ok(0, None, "cat")]), store, ())))
    [policy] = [str(meta["content"]) for meta in page.all("meta") if meta.get("http-equiv")]
    assert page.scripts == [] and "script-src 'none'" in policy


def test_many_classes_stay_readable(store: RunStore) -> None:
    from tests.run_rows import Row

    names = tuple(f"class {i}" for i in range(1000))
    probs = [0.001] * 1000
    made = [Row(i, f"{i}.png", names[i], names[(i + i % 2) % 1000], 0.5, probs, None, "ok", "") for i in range(1000)]
    made_up = report_of(store_run(store, made, class_names=names), store, ())
    page = Parsed(to_html(made_up))
    cells = json.loads(page.scripts[0])["confusion-0"]["light"]["datasets"]
    assert max(map(len, cells.values())) <= 400
    [classes] = [each for each in made_up.sections if each.id == "classes"]
    assert len(classes.tables[0].rows) == 100 and "lowest F1" in classes.tables[0].note


def test_a_missing_package_is_named(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **options: object) -> None:
        raise subprocess.CalledProcessError(
            1, "python", stderr=b"Traceback\nModuleNotFoundError: No module named 'vl_convert'\n"
        )

    chart_library.cache_clear()
    monkeypatch.setattr(library_file.subprocess, "run", fails)
    with pytest.raises(DependencyError, match="No module named 'vl_convert'"):
        to_html(report_of(pets(store), store, ()))
