"""The view of confidence, with runs on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.metrics.guarantee import guarantee_on_halves
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.percent import in_percent
from dashboard.core.metrics.temperature import softmax
from dashboard.services import Services
from tests.pages.conftest import ROOT, text_of
from tests.run_rows import Row, manifest, table_of

Open = Callable[[str], AppTest]
Show = Callable[..., AppTest]


def predictions(n: int = 400, temperature: float = 1.0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels. A temperature above 1 makes the probabilities overconfident."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 3, (n, classes))
    drawn = rng.random(n)[:, None] > softmax(logits, temperature).cumsum(axis=1)
    return softmax(logits, 1.0), drawn[:, :-1].sum(axis=1)


@pytest.fixture
def show(open_page: Open, dashboard: Services, tmp_path: Path) -> Show:
    """Imports predictions and opens a part of the view, with parameters of the address."""

    def shown(
        probs: np.ndarray, labels: np.ndarray, part: str = "Calibration", **address: str | Sequence[str]
    ) -> AppTest:
        np.save(tmp_path / "probs.npy", probs)
        np.save(tmp_path / "labels.npy", labels)
        request = ImportRequest(tmp_path / "probs.npy", labels=tmp_path / "labels.npy")
        return opened(open_page, import_predictions(request, dashboard.runs).manifest.run_id, part, **address)

    return shown


def opened(open_page: Open, run_id: str, part: str, **address: str | Sequence[str]) -> AppTest:
    at = open_page("evaluate")
    for name, value in {"run": run_id, "view": "Confidence", "part": part, **address}.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def metrics(at: AppTest) -> dict[str, str]:
    return {m.label: str(m.value) for m in at.metric}


def test_the_slider_shows_how_many_are_accepted_and_how_many_of_these_are_right(show: Show) -> None:
    probs = np.array([[0.95, 0.05], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    at = show(probs, np.array([0, 1, 1, 1]), accept="0.8")
    assert at.slider(key="accept-slider").value == at.number_input(key="accept").value == 0.8
    assert (metrics(at)["Accepted"], metrics(at)["Accuracy of accepted"]) == ("75.0%", "66.7%")
    at.slider(key="accept-slider").set_value(0.96).run()
    assert at.number_input(key="accept").value == 0.96
    assert (metrics(at)["Accepted"], metrics(at)["Accuracy of accepted"]) == ("0.0%", "-")
    assert (
        at.button(key="filter-accepted").disabled and at.button(key="show-below").label == "Show 4 below the threshold"
    )


def test_the_images_below_the_threshold_are_shown_and_the_accepted_become_the_filter(show: Show) -> None:
    probs, labels = predictions()
    at = show(probs, labels, accept="0.7", where="true_label=1")
    of_class = probs[labels == 1].max(axis=1)
    below = int((of_class < 0.7).sum())
    assert at.button(key="show-below").label == f"Show {below} below the threshold"
    at.button(key="show-below").click().run()
    assert at.query_params["show"] in ("confidence<0.7", ["confidence<0.7"]) and _images(at).endswith(f"({below})")
    at.button(key="filter-accepted").click().run()
    assert at.query_params["where"] == ["true_label=1", "confidence>=0.7"]
    assert f"{len(of_class) - below} of 400 images pass the filter" in text_of(at)
    assert metrics(at)["Accepted"] == "100.0%" and at.button(key="show-below").disabled


def test_calibration_in_a_sentence_in_bins_and_for_each_class(show: Show) -> None:
    probs, labels = predictions(2000, temperature=2.5)
    at = show(probs, labels)
    assert (
        probs.max(axis=1).mean() == pytest.approx(0.81168, abs=1e-5)
        and (probs.argmax(axis=1) == labels).mean() == 0.6085
    )
    assert "confidence is 81.2% and the accuracy 60.9%, so the confidence is too high by 20.3 points" in text_of(
        at
    ).replace("\\", "")
    assert metrics(at)["Calibration error (ECE)"].endswith("%") and "ECE, equal-mass bins" in metrics(at)
    classes, bins = [frame.value for frame in at.dataframe if "gap" in frame.value.columns]
    assert bins["images"].sum() == 2000 == classes["images"].sum()
    for table in (bins, classes):  # the interval is that of the accuracy
        after = [*table.columns].index("accuracy") + 1
        assert table.columns[after] == "interval"
    shown = next(frame for frame in at.dataframe if "class" in frame.value.columns)
    widths = [column["width"] for name, column in json.loads(shown.proto.columns).items() if name in classes]
    assert len(widths) == 7 and sum(widths) <= 477, "they and a tick fit at 1280 pixels"
    assert sorted(classes["class"]) == ["0", "1", "2"] and classes["gap"].is_monotonic_decreasing
    of_one = probs[probs.argmax(axis=1) == 1]
    row = classes.set_index("class").loc["1"]
    assert (row["images"], row["confidence"]) == (len(of_one), pytest.approx(of_one.max(axis=1).mean()))
    assert f"{row['gap']:.1f}" == f"{float(in_percent(row['confidence'])) - float(in_percent(row['accuracy'])):.1f}"
    at.segmented_control(key="bins").set_value("Equal mass").run()
    assert not at.exception
    bins = next(frame.value for frame in at.dataframe if {"gap", "from"} <= {*frame.value.columns})
    assert bins["images"].max() - bins["images"].min() <= 1


def test_confidence_that_is_too_high_is_a_reason_to_look_at_the_labels(show: Show) -> None:
    at = show(*predictions(2000, temperature=6))
    assert "Either the model is overconfident, or their labels are wrong. First look at" in text_of(at)
    at = show(*predictions(2000))
    assert "labels are wrong" not in text_of(at)


def test_the_guarantee_is_a_sentence_and_its_threshold_can_be_used(show: Show) -> None:
    probs, labels = predictions(4000)
    at = show(probs, labels, "Acceptance")
    at.number_input(key="max-error").set_value(10.0).run()
    assert "with 95% confidence, at most 10% of them are wrong" in text_of(at)
    at.button(key="use-guarantee").click().run()
    exact = at.number_input(key="accept").value
    assert exact in probs.max(axis=1) and at.slider(key="accept-slider").value == round(exact, 3)
    at.number_input(key="max-error").set_value(0.1).run()
    [reason] = at.warning
    assert "At least 2,995 images are needed" in reason.value and "only 2,000" in reason.value


def test_what_the_other_half_contradicts_is_not_offered(show: Show) -> None:
    probs, labels = np.tile([0.95, 0.05], (2000, 1)), np.zeros(2000, int)
    labels[halves(2000)[1][:500]] = 1
    at = show(probs, labels, "Acceptance")
    assert not [each for each in at.button if each.key == "use-guarantee"]
    assert at.warning[0].value.startswith("No threshold can be relied on for at most 2% errors.")
    at = show(probs, labels, "Prediction sets")
    assert "The sets with one limit for all classes cannot be relied on" in at.warning[0].value


def test_a_guaranteed_threshold_close_to_one_accepts_what_was_promised(show: Show) -> None:
    """All confidences would be above or below a threshold with three decimals."""
    confidence = 0.9999 + 0.00009 * np.arange(1000)[::-1] / 1000
    probs = np.stack([confidence, 1 - confidence], axis=1)
    labels = (np.arange(1000) >= 600).astype(int)
    at = show(probs, labels, "Acceptance")
    at.number_input(key="max-error").set_value(2.0).run()
    promised = guarantee_on_halves(confidence, labels == 0, 0.02)
    assert promised.threshold is not None
    at.button(key="use-guarantee").click().run()
    assert not at.exception and at.number_input(key="accept").value == promised.threshold
    accepted = confidence >= promised.threshold
    assert 0.5 < accepted.mean() < 0.7 and metrics(at)["Accepted"] == f"{accepted.mean():.1%}"
    assert at.button(key="show-below").label == f"Show {(~accepted).sum()} below the threshold"
    at.button(key="show-below").click().run()
    assert _images(at).endswith(f"({(~accepted).sum()})")
    address = at.query_params["accept"]
    assert float(address if isinstance(address, str) else address[0]) == promised.threshold
    at.button(key="filter-accepted").click().run()
    assert f"{accepted.sum()} of 1,000 images pass the filter" in text_of(at)


def test_the_curve_marks_the_threshold_of_the_slider(show: Show) -> None:
    probs, labels = predictions()
    at = show(probs, labels, "Acceptance", accept="0.75")
    [chart] = [each for each in at.get("vega_lite_chart") if "accepted" in each.proto.alt]
    tables = [pa.ipc.open_stream(each.data.data).read_all().to_pydict() for each in chart.proto.datasets]
    [point] = [table for table in tables if "label" in table]
    accepted = probs.max(axis=1) >= 0.75
    wrong = probs.argmax(axis=1)[accepted] != labels[accepted]
    assert point["label"] == ["from 0.75"]
    assert (point["coverage"], point["risk"]) == ([accepted.mean()], [pytest.approx(wrong.mean())])
    assert "Area under the curve (AURC)" in text_of(at)


def test_prediction_sets_with_one_limit_and_a_limit_for_each_class(show: Show) -> None:
    probs, labels = predictions(2000)
    at = show(probs, labels, "Prediction sets")
    assert metrics(at)["Sets with the true class"].endswith("%") and text_of(at).count("Worst class: ") == 2
    assert "The limits come from 1,000 images, the figures from 1,000 others." in text_of(at)
    scores = 1 - probs[np.arange(2000), labels]
    coverages, sizes = [], []
    for level in ("90%", "99%"):
        at.segmented_control(key="set-confidence").set_value(level).run()
        first = next(m for m in at.metric if m.label == "Sets with the true class")
        coverages.append(float(str(first.value).rstrip("%")))
        sizes.append(float(next(m for m in at.metric if m.label == "Classes in a set").value))
    fit, check = halves(2000)
    quantile = np.sort(scores[fit])[int(np.ceil(1001 * 0.9)) - 1]
    assert coverages[0] == pytest.approx(100 * np.mean(scores[check] <= quantile), abs=0.05)
    assert coverages[1] > coverages[0] and sizes[1] > sizes[0] > 1


def test_prediction_sets_of_few_images_say_how_many_they_need(show: Show) -> None:
    at = show(*predictions(199), "Prediction sets")
    assert "need at least 200 labelled images, but there are 199." in text_of(at)
    assert "Classes in a set" not in metrics(at)
    at.segmented_control(key="set-confidence").set_value("90%").run()
    assert not at.exception and metrics(at)["Classes in a set"]


def test_a_temperature_of_few_images_is_no_error(show: Show) -> None:
    at = show(*predictions(199), "Temperature")
    assert "needs at least 200" in text_of(at) and at.info and not at.error


def test_imported_predictions_have_no_model_to_give_a_temperature(show: Show) -> None:
    at = show(*predictions(2000, temperature=2.5), "Temperature")
    assert float(metrics(at)["Temperature"]) == pytest.approx(2.5, rel=0.2)
    assert "These predictions were imported" in text_of(at) and not at.code


def test_few_images_give_no_temperature(show: Show) -> None:
    at = show(*predictions(150), "Temperature")
    assert "There are 150 labelled images. A new temperature needs at least 200" in text_of(at) and not at.code


def stored_run(dashboard: Services, temperature: float) -> str:
    """The id of a run of the model with logits for 400 images, whose labels are drawn at this temperature."""
    version = dashboard.registry.get("tiny")
    names, rng = version.class_names, np.random.default_rng(0)
    logits = rng.normal(0, 3, (400, len(names)))
    rows = []
    for i, z in enumerate(logits):
        label = rng.choice(len(names), p=softmax(z[None], temperature)[0])
        p = softmax(z[None], version.temperature)[0]
        rows.append(Row(i, f"{i}.png", names[label], names[p.argmax()], p.max(), p.tolist(), z.tolist(), "ok", ""))
    run = manifest(
        "20260101-000000-abc", n_images=400, model=version.ref, model_sha256=version.sha256, class_names=names,
        state="finished", unknown_labels=(),
    )  # fmt: skip
    dashboard.runs.begin(run).release()
    dashboard.runs.folder(run.run_id).add_part(0, table_of(rows))
    return run.run_id


def test_nothing_is_promised_about_an_evaluation_that_is_not_finished(open_page: Open, dashboard: Services) -> None:
    run_id = stored_run(dashboard, 3.0)
    folder = dashboard.runs.folder(run_id)
    folder.save(replace(folder.manifest(), state="cancelled"))
    told = f"The evaluation {run_id} is cancelled, so its figures are not final."
    at = opened(open_page, run_id, "Acceptance")
    assert told in text_of(at) and "max-error" not in [each.key for each in at.number_input]
    at = opened(open_page, run_id, "Prediction sets")
    assert told in text_of(at) and "Sets with the true class" not in metrics(at)


def test_the_command_for_a_better_temperature(open_page: Open, dashboard: Services) -> None:
    version, run_id = dashboard.registry.get("tiny"), stored_run(dashboard, 3.0)
    names = version.class_names
    at = opened(open_page, run_id, "Temperature")
    assert [each.value for each in at.code] == [f"python -m dashboard models recalibrate {version.ref} --run {run_id}"]
    assert "The new temperature is better" in text_of(at) and "or their labels are wrong" in text_of(at)
    at = opened(open_page, run_id, "Temperature", where=f"predicted_label={names[0]}|{names[1]}")
    assert not at.code


def test_a_temperature_where_the_model_makes_no_mistake_is_not_fitted(open_page: Open, dashboard: Services) -> None:
    at = opened(open_page, stored_run(dashboard, 1e-3), "Temperature")
    assert "The model makes no mistake among the 200 images" in text_of(at) and not at.code and not at.error


def test_a_temperature_that_is_no_better_is_not_offered(open_page: Open, dashboard: Services) -> None:
    at = opened(open_page, stored_run(dashboard, 0.6), "Temperature")  # that of the model is 0.5
    assert "No significant difference: these images do not show that a new temperature is better." in text_of(
        at
    ).replace("\\", "")
    assert not at.code and "So no new version is offered." in text_of(at).replace("\\", "")


def test_two_classes_have_a_threshold_and_costs(show: Show) -> None:
    probs = np.array([[0.1, 0.9], [0.3, 0.7], [0.45, 0.55], [0.5994, 0.4006], [0.8, 0.2]])
    at = show(probs, np.array([1, 0, 1, 1, 0]), "Curves")
    assert at.selectbox(key=next(s.key for s in at.selectbox if s.label == "Class to find (positive)")).value == 1
    assert (metrics(at)["Recall"], metrics(at)["Precision"], metrics(at)["Specificity"]) == ("66.7%", "66.7%", "50.0%")
    assert (metrics(at)["False positives"], metrics(at)["False negatives"], metrics(at)["Cost"]) == ("1", "1", "2")
    at.number_input(key="cost-fn").set_value(5.0).run()
    assert metrics(at)["Cost"] == "6" and "at least 0.400. This costs 1 for 5 images" in text_of(at)
    at.button(key="use-cheapest").click().run()
    # a threshold of 0.401 would miss the image
    assert at.slider(key="class-threshold").value == 0.4 and metrics(at)["Cost"] == "1"
    at.number_input(key="cost-fp").set_value(100.0).run()
    assert "at least 0.900. This costs 10" in text_of(at)
    at.selectbox(key=next(s.key for s in at.selectbox if s.label == "Class to find (positive)")).select(0).run()
    assert not at.exception and 'predict "0" if' in text_of(at)


def test_each_class_against_all_others(show: Show) -> None:
    probs, labels = predictions(300)
    at = show(probs, labels, "Curves")
    [table] = [frame.value for frame in at.dataframe if "auroc" in frame.value.columns]
    from sklearn.metrics import roc_auc_score

    row = table.set_index("class").loc["2"]
    assert (
        row["auroc"] == pytest.approx(roc_auc_score(labels == 2, probs[:, 2]))
        and row["positives"] == (labels == 2).sum()
    )
    assert table["average_precision"].is_monotonic_increasing


@pytest.mark.parametrize("part", ["Calibration", "Acceptance", "Prediction sets", "Temperature", "Curves"])
def test_one_labelled_image_is_no_accident(show: Show, part: str) -> None:
    at = show(*predictions(50), part, where=["file=row 7"])
    assert not at.exception and "1 of 50 images pass the filter" in text_of(at)


def _images(at: AppTest) -> str:
    """What the box says about the images that are shown."""
    box = next(each for each in at.selectbox if each.label == "Images")
    return str(box.format_func(box.value))


def test_the_part_is_still_open_after_a_look_at_the_history(show: Show) -> None:
    at = show(*predictions(), part="Curves")
    for page in ("history", "evaluate"):
        at.switch_page(str(ROOT / "pages" / f"{page}.py")).run()
        assert not at.exception
    at.segmented_control(key="view").set_value("Confidence").run()
    assert not at.exception and at.segmented_control(key="part").value == "Curves"


@pytest.mark.parametrize("part", ["Feedback", ""])
def test_a_part_that_does_not_exist_in_the_address_opens_the_first(show: Show, part: str) -> None:
    at = show(*predictions(), part=part)
    assert "Calibration error (ECE)" in metrics(at)


@pytest.mark.parametrize("view", ["Confidence", "Labels"])
def test_predicted_classes_alone_say_nothing_about_confidence(
    open_page: Open, dashboard: Services, tmp_path: Path, view: str
) -> None:
    (tmp_path / "x.csv").write_text("label,prediction\ncat,cat\ndog,dog\ndog,cat\n" + "cat,cat\ndog,dog\n" * 20)
    run_id = import_predictions(ImportRequest(tmp_path / "x.csv"), dashboard.runs).manifest.run_id
    at = opened(open_page, run_id, "Calibration", view=view)
    assert "only predicted classes, so nothing can be said about confidence" in text_of(at)
    assert "probabilities of all classes instead" in text_of(at) and not at.slider and not at.get("vega_lite_chart")
