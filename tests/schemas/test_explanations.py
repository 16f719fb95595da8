"""JSON of a prediction and its explanations."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dashboard.core.explanations.answer import ask
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.records import MapRequest
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.inference import Inference
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.explanations import ExplainedRecord, ExplanationRecord
from tests.conftest import encoded, picture


def test_the_download_tells_what_was_found(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    answer = ask(inference, explainer, tiny_version, "Käfer.png", encoded(picture(4)))
    text = ExplainedRecord.of_answer(answer).to_text()
    record = json.loads(text)
    assert "Käfer.png" in text
    assert record["file"] == "Käfer.png" and record["model"] == {"name": "tiny", "version": "1"}
    assert record["fit"] == tiny_version.preprocessing.fit
    assert list(record["pred_probs"]) == list(tiny_version.class_names)
    assert sum(record["pred_probs"].values()) == pytest.approx(1)
    assert record["confidence"] == record["pred_probs"][record["predicted_label"]]
    [explanation] = record["explanations"]
    assert explanation["target_label"] == record["predicted_label"]
    values = np.array(explanation["heatmap"]["values"])
    assert answer.explanation is not None and values.shape == tuple(explanation["grid"])
    assert np.allclose(values, answer.explanation.heatmap, atol=1e-4)


def test_without_a_map_the_list_is_empty(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    answer = ask(inference, explainer, tiny_version, "a.png", encoded(picture(4)))
    assert ExplainedRecord.of_answer(replace(answer, explanation=None)).explanations == []


def test_the_doubt_is_null_where_the_version_has_no_thresholds(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    answer = ask(inference, explainer, tiny_version, "a.png", encoded(picture(0)))
    assert ExplainedRecord.of_answer(answer).as_json()["doubt"] is None
    strict = replace(answer, version=replace(tiny_version, familiarity=Familiarity(0.95, -1e6, 0.0, "energy")))
    assert ExplainedRecord.of_answer(strict).as_json()["doubt"]["unknown"] is True


def test_a_tested_map_carries_its_curves(explainer: Explainer, tiny_version: ModelVersion) -> None:
    request = MapRequest(("hires-cam",), target="cat", faithfulness=True)
    found = explainer.explain(tiny_version, encoded(picture(1)), request)
    record = ExplanationRecord.of(tiny_version, found, overlay="map.png").as_json()
    assert (record["method"], record["target_label"], record["overlay"]) == ("hires-cam", "cat", "map.png")
    assert record["array"] is None and record["heatmap"]["values"] is None
    tested = record["faithfulness"]
    assert found.faithfulness is not None and tested["sentence"] == found.faithfulness.sentence
    assert len(tested["random"]["scores"]) == 8 and len(tested["map"]["insertion"]) == len(tested["shares"])
