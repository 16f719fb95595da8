"""One image of an evaluation: its file, its label, and what the model said then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.errors import DatasetError
from dashboard.core.preprocessing import Fit
from dashboard.core.runs import Run


@dataclass(frozen=True)
class RunImage:
    """An image as it was evaluated."""

    run_id: str
    index: int  # position in the dataset
    file: str  # path inside the dataset
    data: bytes  # the image file
    true_label: str | None
    predicted_label: str | None  # None where it was not evaluated
    model: str  # NAME@VERSION that predicted
    model_sha256: str
    fit: Fit | None  # how the picture was made to fit; None where that is not known

    @property
    def name(self) -> str:
        """Without its folders."""
        return self.file.rsplit("/", 1)[-1]


def run_image(run: Run, index: int) -> RunImage:
    """The image at a position of a run's dataset.

    Raises:
        DatasetError: the run has no such image, or the dataset is gone or was changed.
        ImageError: it cannot be read.
    """
    rows = run.table[run.table["index"] == index]
    if rows.empty:
        raise DatasetError(
            f"This evaluation has no image number {index:,}.", "Choose one on Batch evaluation.", "image_unknown"
        )
    row, file = rows.iloc[0], str(run.detail(rows, ["file"])["file"].iloc[0])
    dataset = open_dataset(Path(run.manifest.dataset))
    check_still_there(dataset, index, file)
    return RunImage(
        run_id=run.manifest.run_id,
        index=index,
        file=file,
        data=dataset.file(index),
        true_label=row["true_label"] if isinstance(row["true_label"], str) else None,
        predicted_label=row["predicted_label"] if isinstance(row["predicted_label"], str) else None,
        model=run.manifest.model,
        model_sha256=run.manifest.model_sha256,
        fit=run.manifest.fit,
    )


def still_there(dataset: Dataset, index: int, file: str) -> bool:
    """The image at that position is the one that was evaluated."""
    return 0 <= index < len(dataset.samples) and dataset.samples[index].name == file


def check_still_there(dataset: Dataset, index: int, file: str) -> None:
    """Raises DatasetError when another image than the one that was evaluated is at that position."""
    if not still_there(dataset, index, file):
        raise DatasetError(
            f"{dataset.path.name} was changed since it was evaluated: {file} is not where it was.",
            "Evaluate it again.",
            "dataset_changed",
        )
