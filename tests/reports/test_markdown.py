"""The Markdown file: tables, and the metadata of a Hugging Face model card."""

from __future__ import annotations

from itertools import pairwise

import pytest
import yaml

from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from dashboard.reports.build import report_of
from dashboard.reports.markdown_file import plain, to_markdown
from tests.reports.made_runs import COMMENT_FILE, HOSTILE, LINES_FILE, hostile, pets, report, store_run
from tests.reports.page import Parsed
from tests.run_rows import ok


def front_matter(text: str) -> dict[str, object]:
    begin, block, _ = text.split("---\n", 2)
    assert begin == ""
    return yaml.safe_load(block)


def test_the_metadata_follow_the_format_of_model_cards(store: RunStore) -> None:
    [model] = front_matter(to_markdown(report_of(pets(store), store, ())))["model-index"]
    assert model["name"] == "pets@1"
    [result] = model["results"]
    assert result["task"]["type"] == "image-classification"
    assert result["dataset"] == {"type": "pets", "name": "pets.zip", "revision": "d"}
    metrics = {metric["name"]: metric for metric in result["metrics"]}
    accuracy = metrics["Accuracy"]
    assert accuracy["type"] == "accuracy" and accuracy["value"] == 0.75
    assert accuracy["args"] == {"ci95": [0.300642, 0.954413], "n": 4}
    assert metrics["Macro F1"]["type"] == "f1" and metrics["Macro F1"]["args"]["average"] == "macro"


def test_the_metadata_of_some_images_say_so(store: RunStore) -> None:
    run = store.folder(pets(store).manifest.run_id).load(VIEW_COLUMNS, parse_filter(["true_label=cat"]))
    [result] = front_matter(to_markdown(report_of(run, store, ())))["model-index"][0]["results"]
    assert result["dataset"]["name"] == "pets.zip (Only these images: labelled cat)"
    assert all(metric["args"]["n"] < 4 for metric in result["metrics"])


@pytest.mark.parametrize("make", [pets, hostile])
def test_hugging_face_reads_the_metadata(store: RunStore, make) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    run = make(store)
    card = hub.ModelCard(to_markdown(report_of(run, store, ())), ignore_metadata_errors=False)
    found = {(each.metric_name, each.metric_value) for each in card.data.eval_results}
    assert (
        card.data.model_name == run.manifest.model
        and card.data.eval_results[0].dataset_name == run.manifest.dataset_name
    )
    assert {
        ("Accuracy", round(run.scores["accuracy"].value, 6)),
        ("Log loss", round(run.scores["log_loss"].value, 6)),
    } <= found


def test_without_labels_the_model_has_no_results(store: RunStore) -> None:
    text = to_markdown(report_of(store_run(store, [ok(0, None, "cat")]), store, ()))
    assert front_matter(text) == {"model-index": [{"name": "pets@1", "results": []}]}


def test_every_row_of_a_table_has_all_its_cells(store: RunStore) -> None:
    lines = to_markdown(report(store, hostile(store))).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) > 20

    def cells(line: str) -> int:
        return line.replace("\\\\", "").replace("\\|", "").count("|")

    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert cells(before) == cells(line)


def test_names_are_text_when_it_is_shown(store: RunStore) -> None:
    renderer = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed").MarkdownIt("commonmark")
    page = Parsed(renderer.enable("table").render(to_markdown(report(store, hostile(store))).split("---\n", 2)[2]))
    shown = page.text.replace("\N{WORD JOINER}", "")
    for name in (*HOSTILE, COMMENT_FILE, LINES_FILE):
        assert " ".join(name.split()) in shown
    assert {tag for tag, _ in page.elements} == {
        "h1", "h2", "h3", "p", "ul", "ol", "li", "strong", "table", "thead", "tr", "th", "tbody", "td", "pre", "code",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("cat", "cat"),
        ("92.4% to 93.4%", "92.4% to 93.4%"),
        ("<b>&lt;", "&lt;b&gt;&amp;lt;"),
        ("a_b*c`d|e", r"a\_b\*c\`d\|e"),
        ("![x](y)", r"\!\[x\](y)"),
        ("# a", r"\# a"),
        ("1. a", r"1\. a"),
        ("- a", r"\- a"),
        ("a\r\n\n- b\x00c\u2028d", "a - b c d"),
        ("\\*", r"\\\*"),
    ],
)
def test_texts_are_escaped(text: str, escaped: str) -> None:
    assert plain(text) == escaped


@pytest.mark.parametrize("text", ["https://e.example", "www.e.example", "f@g.example", ":smile:"])
def test_addresses_do_not_become_links(text: str) -> None:
    broken = plain(text)
    assert text not in broken and broken.replace("\N{WORD JOINER}", "") == text


def test_a_command_with_backticks_stays_in_its_block(store: RunStore) -> None:
    text = to_markdown(report_of(pets(store, dataset="/data/``` # x"), store, ()))
    assert "````sh\npython -m dashboard evaluate '/data/``` # x' --model pets@1\n````" in text
