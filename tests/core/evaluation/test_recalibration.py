"""A new temperature from a stored run, with model files that need no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.recalibration import LEAST_IMAGES, labelled_logits, recalibrate
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from tests.run_rows import NAMES, Row, failed, manifest, table_of

RUN = "20260101-000000-abc"
RECORD: dict[str, Any] = {
    "class_names": list(NAMES),
    "preprocessing": {"height": 8, "width": 8},
    "output": "logits",
    "temperature": 1.5,
    "sha256": "m",
    "familiarity": {"kept": 0.95, "max_energy": -5.0, "min_msp": 0.5, "decides": "msp"},
    "metrics": {
        "accuracy": 0.9, "n": 100, "ece15": 0.02, "seen": {"accuracy": 0.8, "ece15_raw": 0.1}, "auroc": {},
        "robustness": {"mean_error": 0.3, "mean_ece15": 0.1, "mean_energy_by_strength": [-5.0, -4.0]},
        "log_loss": 0.4, "brier": 0.2, "aurc": 0.01, "ece10_held_out": 0.02,
    },
    "provenance": {"original_file": "pets.keras", "calibrated_on": "1,000 training images"},
}  # fmt: skip


ONLY_ONE_HALF_IS_OFF = np.where(np.isin(np.arange(1000), halves(1000)[0]), 10.0, 1.5)[:, None]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    folder = tmp_path / "models" / "pets" / "1"
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"weights")
    (folder / "model.json").write_text(json.dumps(RECORD))
    (folder / "samples" / "cat").mkdir(parents=True)
    (folder / "samples" / "cat" / "0").write_bytes(b"picture")
    return Registry(tmp_path / "models")


def drawn(n: int, temperature: Any) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    logits = rng.normal(0, 4, (n, 2)).astype(np.float32)
    return logits, (rng.random(n) > softmax(logits, temperature)[:, 0]).astype(int)


def stored(root: Path, n: int = 1000, temperature: Any = 3.0, **changes: object) -> RunStore:
    """A run of pets@1 over n labelled images, one without a label, and one that failed."""
    logits, labels = drawn(n, temperature)
    rows = [failed(0), Row(1, "x.png", None, "cat", 0.9, [0.9, 0.1], [9.0, 0.0], "ok", "")]
    for i, (z, label) in enumerate(zip(logits, labels, strict=True)):
        p = softmax(z[None], 1.5)[0]
        rows.append(Row(i + 2, f"{i}.png", NAMES[label], NAMES[p.argmax()], p.max(), p.tolist(), z.tolist(), "ok", ""))
    store = RunStore(root / "runs")
    owner = store.begin(manifest(RUN, n_images=len(rows), **{"state": "finished", **changes}))
    store.folder(RUN).add_part(0, table_of(rows))
    owner.release()
    return store


def test_the_labelled_rows_are_used_in_order(registry: Registry, tmp_path: Path) -> None:
    logits, labels = labelled_logits(registry.get("pets@1"), stored(tmp_path, 300), RUN)
    expected = drawn(300, 3.0)
    assert np.array_equal(logits, expected[0]) and np.array_equal(labels, expected[1])


def test_a_better_temperature_becomes_the_next_version(registry: Registry, tmp_path: Path) -> None:
    old = registry.get("pets@1")
    done = recalibrate(registry, old, stored(tmp_path), RUN)
    new = registry.get("pets@2")
    assert new == done.version and new.temperature == pytest.approx(done.refit.temperature, abs=5e-5)
    assert new.temperature == pytest.approx(3, rel=0.25) and done.refit.after.nll < done.refit.before.nll
    assert (new.folder / "model.keras").read_bytes() == b"weights" and new.sha256 == old.sha256
    assert (new.folder / "samples" / "cat" / "0").read_bytes() == b"picture"
    assert (new.class_names, new.preprocessing) == (old.class_names, old.preprocessing)
    of_energies = {"mean_error": 0.3, "mean_energy_by_strength": [-5.0, -4.0]}  # which are those of the logits
    assert new.metrics == {"accuracy": 0.9, "n": 100, "seen": {"accuracy": 0.8}, "robustness": of_energies}
    assert new.provenance["original_file"] == "pets.keras"
    assert new.provenance["calibrated_on"] == f"500 labelled images of the evaluation {RUN}"
    assert old.provenance["calibrated_on"] == "1,000 training images"
    note = new.provenance["recalibrated"]
    assert (note["from"], note["from_temperature"], note["run"]) == ("pets@1", 1.5, RUN)
    assert (note["n_fit"], note["n_check"]) == (500, 500) and note["after"]["nll"] == done.refit.after.nll
    assert registry.get("pets@1") == old, "the old version stays as it is"


def test_pictures_are_doubted_as_often_as_before(registry: Registry, tmp_path: Path) -> None:
    store = stored(tmp_path)
    new = recalibrate(registry, registry.get("pets@1"), store, RUN).version
    assert new.familiarity is not None and new.familiarity.max_energy == -5 and new.familiarity.decides == "msp"
    logits, _ = drawn(1000, 3.0)
    doubted = [
        new.familiarity.doubts(z, p).by_msp for z, p in zip(logits, softmax(logits, new.temperature), strict=True)
    ]
    assert np.mean(doubted) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    "changes, code, told",
    [
        ({"model": "pets@7"}, "run_of_other_model", "is of pets@7, not of pets@1"),
        ({"model_sha256": "other"}, "run_of_other_model", "other weights"),
        ({"imported": True, "model": "pets", "model_sha256": ""}, "run_of_other_model", "made elsewhere"),
        ({"fit": "pad"}, "run_of_other_model", "by “Pad with black”, but pets@1 by “Stretch”"),
        ({"state": "running"}, "run_unfinished", "not finished (interrupted)"),
        ({"state": "cancelled"}, "run_unfinished", "not finished (cancelled)"),
        ({"n": LEAST_IMAGES - 1}, "too_few_images", "has 199 labelled images"),
        ({"temperature": ONLY_ONE_HALF_IS_OFF}, "temperature_not_better", "The new temperature is worse"),
        ({"temperature": 1.6}, "temperature_not_better", "No significant difference"),
        (
            {"temperature": 1e-3},
            "no_best_temperature",
            "makes no mistake among the 500 images on which a temperature is fitted",
        ),
    ],
)
def test_refusals_name_the_reason_and_store_nothing(
    registry: Registry, tmp_path: Path, changes: dict[str, Any], code: str, told: str
) -> None:
    with pytest.raises(DashboardError) as caught:
        recalibrate(registry, registry.get("pets@1"), stored(tmp_path, **changes), RUN)
    assert caught.value.code == code and told in caught.value.message and caught.value.fix
    assert [version.ref for version in registry.versions()] == ["pets@1"]


def test_a_registry_that_cannot_be_written_says_so(registry: Registry, tmp_path: Path) -> None:
    old, store = registry.get("pets@1"), stored(tmp_path)
    (old.folder / "model.keras").unlink()
    with pytest.raises(DashboardError) as caught:
        recalibrate(registry, old, store, RUN)
    assert caught.value.code == "storage"
    assert list(registry.root.glob(".adding-*")) == []
