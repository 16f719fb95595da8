"""Predictions for the history, and a finished run over a ZIP of pictures, without a model."""

from __future__ import annotations

import zipfile
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from dashboard.core.database.ids import new_id
from dashboard.core.history.entry import Entry
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.store import RunStore
from tests.conftest import encoded, picture
from tests.run_rows import Row, manifest, ok, table_of

VERSION = ModelVersion(
    "pets", "1", Path("/nowhere"), ("cat", "dog", "=ant"), Preprocessing(32, 32, scale=1.0, mean=(0.0,)), "logits",
    sha256="m" * 64, familiarity=Familiarity(0.95, max_energy=-0.5, min_msp=0.5, decides="msp"),
)  # fmt: skip


def prediction(*logits: float) -> Prediction:
    scores = np.array(logits, np.float32)
    probabilities = np.exp(scores.astype(float)) / np.exp(scores.astype(float)).sum()
    return Prediction(scores, probabilities)


def entry(image: bytes = b"image", *logits: float, **changes: object) -> Entry:
    """A prediction of a cat, unless the logits say otherwise."""
    made = Entry.of(VERSION, prediction(*(logits or (2.0, 1.0, 0.0))), image, "api", "ann", "a.png", 12.5)
    fields = {**vars(made), **changes}
    if "time_utc" in changes:
        moment = changes["time_utc"]
        assert isinstance(moment, datetime)
        fields["prediction_id"] = new_id(moment)
    return Entry(**fields)


def at(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 1, 12, minute, second, tzinfo=timezone.utc)


def pets_zip(path: Path) -> Path:
    """The dataset of `stored_run`."""
    with zipfile.ZipFile(path, "w") as archive:
        for i, label in enumerate(("cat", "cat", "dog", "dog")):
            archive.writestr(f"{label}/{i}.png", encoded(picture(i)))
    return path


def stored_run(
    store: RunStore, dataset: Path, created: datetime, run_id: str = "20260301-120000-abc", user: str = ""
) -> RunManifest:
    """A finished run over `pets_zip`, with all images predicted as cats."""
    rows: list[Row] = [ok(i, "cat" if i < 2 else "dog", "cat") for i in range(4)]
    made = manifest(run_id, created_utc=created.isoformat(), dataset=str(dataset), n_images=len(rows), user=user)
    owner = store.begin(made)
    folder = store.folder(run_id)
    folder.add_part(0, table_of(rows))
    finished = folder.finish(made, "finished", 1.0)
    owner.release()
    return finished
