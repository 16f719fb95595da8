"""Runs of a simulated model: what it says is calibrated, and its errors are spread evenly, until a test plants a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from dashboard.core.runs.array_file import file_content
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import PROPERTY_FIELDS, complete
from tests.run_rows import manifest

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Simulated:
    """The answers for N images."""

    true: np.ndarray  # (N,) class ids
    pred_probs: np.ndarray  # (N, K)
    failed: np.ndarray  # (N,) bool
    thumbnails: np.ndarray  # (N, 2, 2, 3) uint8
    names: Sequence[str] = NAMES
    properties: Mapping[str, np.ndarray] = field(default_factory=dict)
    doubt: np.ndarray | None = None  # (N,) bool; None: the model has no thresholds of familiarity

    def __len__(self) -> int:
        return len(self.true)

    @property
    def predicted(self) -> np.ndarray:
        return self.pred_probs.argmax(axis=1)

    def take(self, places: np.ndarray) -> Simulated:
        """The images at these places."""
        properties = {name: values[places] for name, values in self.properties.items()}
        return replace(
            self, true=self.true[places], pred_probs=self.pred_probs[places], failed=self.failed[places],
            thumbnails=self.thumbnails[places], properties=properties,
            doubt=None if self.doubt is None else self.doubt[places],
        )  # fmt: skip

    def store(self, path: Path, files: Sequence[str] = (), **of_manifest: object) -> RunFolder:
        """The run in a folder.

        Args:
            files: the names of the images; 0.png, 1.png ... if there are none.
            of_manifest: changes of its manifest.
        """
        names, n = np.array(self.names), len(self)
        ok = ~self.failed
        table = pa.table(
            {
                "index": np.arange(n),
                "file": list(files) or [f"{i}.png" for i in range(n)],
                "true_label": pa.array(names[self.true], mask=self.failed),
                "predicted_label": pa.array(names[self.predicted], mask=self.failed),
                "confidence": pa.array(self.pred_probs.max(axis=1), mask=self.failed),
                "pred_probs": pa.array(list(self.pred_probs), pa.list_(pa.float64()), mask=self.failed),
                "logits": pa.nulls(n, pa.list_(pa.float32())),
                "status": np.where(ok, "ok", "failed"),
                "reason": np.where(ok, "", "The file is damaged."),
                "doubt": pa.nulls(n, pa.bool_()) if self.doubt is None else pa.array(self.doubt, mask=self.failed),
                **{
                    f.name: pa.array(self.properties[f.name], f.type)
                    for f in PROPERTY_FIELDS
                    if f.name in self.properties
                },
            }
        )
        folder = RunFolder(path)
        path.mkdir(parents=True, exist_ok=True)
        kept = None if self.doubt is None else 0.95
        given = {
            "familiarity_kept": kept,
            "class_names": tuple(self.names),
            "n_images": n,
            "unknown_labels": (),
            "state": "finished",
        }
        folder.save(manifest(path.name, **{**given, **of_manifest}))
        folder.add_part(0, complete(table, self.names))
        (path / "thumbnails.npy").write_bytes(file_content(self.thumbnails))
        return folder


def clean(seed: int, n: int = 2000, k: int = 10) -> Simulated:
    """A calibrated model that is right for about 92% of the images; k classes of about equal size."""
    rng = np.random.default_rng(seed)
    confidence = 1 - 0.6 * rng.beta(0.4, 2.5, n)
    predicted = rng.permutation(np.arange(n) % k)
    pred_probs = rng.dirichlet(np.full(k - 1, 2.0), n) * (1 - confidence)[:, None]
    pred_probs = np.insert(pred_probs.ravel(), np.arange(n) * (k - 1) + np.minimum(predicted, k - 1), confidence)
    return with_labels(pred_probs.reshape(n, k), rng)


def with_labels(pred_probs: np.ndarray, rng: np.random.Generator) -> Simulated:
    """Labels drawn from the probabilities, which are calibrated therefore."""
    n, k = pred_probs.shape
    true = np.minimum((rng.random(n)[:, None] > np.cumsum(pred_probs, axis=1)).sum(axis=1), k - 1)
    properties = {
        "width": np.full(n, 32), "height": np.full(n, 32), "file_size": rng.integers(1500, 3000, n),
        "brightness": rng.beta(4, 4, n), "contrast": rng.uniform(0.1, 0.3, n), "sharpness": rng.lognormal(0, 1, n),
        "colourfulness": rng.uniform(0, 0.5, n),
    }  # fmt: skip
    thumbnails = rng.integers(0, 256, (n, 2, 2, 3), np.uint8)
    return Simulated(true, pred_probs, np.zeros(n, bool), thumbnails, NAMES[:k], properties)
