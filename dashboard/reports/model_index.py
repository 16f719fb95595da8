"""The metadata block of a Hugging Face model card, which lets the Hub show the metrics of a model.

Its format: https://github.com/huggingface/hub-docs/blob/main/modelcard.md (section model-index).
"""

from __future__ import annotations

from typing import Any

from dashboard.core.metrics.definitions import METRICS
from dashboard.reports.document import Document
from dashboard.reports.provenance import dataset_slug

_ON_THE_HUB = {  # names of metrics there, where they differ from ours
    "macro_f1": ("f1", {"average": "macro"}),
    "weighted_f1": ("f1", {"average": "weighted"}),
    "mcc": ("matthews_correlation", {}),
    "brier": ("brier_score", {}),
}


def model_index(report: Document) -> dict[str, Any]:
    """The metadata: a model name, and one result with all metrics over the images of the report."""
    m = report.manifest
    dataset = {"type": dataset_slug(m) or "dataset", "name": m.dataset_name}
    if report.filter:  # programs read only this block
        dataset["name"] += f" ({report.filter.rstrip('.')})"
    if m.dataset_sha256:
        dataset["revision"] = m.dataset_sha256
    figures = [
        metric for metric in METRICS if metric.name in report.scores and report.scores[metric.name].is_meaningful
    ]
    result = {
        "task": {"type": "image-classification", "name": "Image Classification"},
        "dataset": dataset,
        "metrics": [_metric(metric.name, metric.title, report) for metric in figures],
    }
    return {"model-index": [{"name": m.model, "results": [result] if result["metrics"] else []}]}


def yaml_block(report: Document) -> str:
    """The metadata as the YAML block that begins a model card."""
    import yaml

    return f"---\n{yaml.safe_dump(model_index(report), allow_unicode=True, sort_keys=False)}---\n"


def _metric(name: str, title: str, report: Document) -> dict[str, Any]:
    score = report.scores[name]
    hub_name, arguments = _ON_THE_HUB.get(name, (name, {}))
    interval = {"ci95": [round(score.low, 6), round(score.high, 6)]} if score.has_interval else {}
    return {
        "type": hub_name,
        "value": round(score.value, 6),
        "name": title,
        "args": {**arguments, **interval, "n": score.n},
    }
