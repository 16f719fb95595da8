"""JSON of an evaluation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from dashboard.core.access.visitor import Visitor
from dashboard.core.files import readable_name
from dashboard.core.images.preprocessing import Fit
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.runs.bin import DeletedRun
from dashboard.core.runs.filters import as_texts
from dashboard.core.runs.left_out import failures
from dashboard.core.runs.overview import RunOverview
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import DamagedRun
from dashboard.schemas.errors import ErrorRecord
from dashboard.schemas.models import ModelName
from dashboard.schemas.schema import Schema, Sentence
from dashboard.schemas.scores import ScoreRecord

if TYPE_CHECKING:
    from dashboard.core.evaluation.job import Job
    from dashboard.core.importing.predictions import Imported


STATE = "running, paused, finished, cancelled, failed or interrupted"
USER = "whose evaluation it is; told only to admins, empty for others and if unknown"
FIT_OF_RUN = "how pictures with other proportions were made to fit the model's input; null if unknown or imported"


class FailedRow(Schema):
    """An image that was not evaluated."""

    file: str = Field(description="path inside the dataset")
    reason: Sentence


class ConfusionRecord(Schema):
    """The confusion matrix."""

    labels: list[str] = Field(description="labels of the rows and the columns, in this order")
    counts: list[list[int]] = Field(description="number of images; rows are true labels, columns predicted labels")


class ClassFigures(Schema):
    """The figures of one class, in [0, 1]; null where they are not defined."""

    label: str
    n: int = Field(description="number of images with this label")
    precision: float | None = Field(
        description="share of the images predicted as this class that have this label; null if all images have the same label"
    )
    recall: float | None = Field(description="share of the images with this label that are predicted as this class")
    f1: float | None = Field(
        description="harmonic mean of precision and recall; null without images of the class, and if all images have the "
        "same label"
    )

    @classmethod
    def of_each(cls, evaluation: Evaluation) -> list[ClassFigures]:
        """The figures of each class."""
        return [
            cls(
                label=row["class"],
                n=row["images"],
                **{name: None if math.isnan(row[name]) else row[name] for name in ("precision", "recall", "f1")},
            )
            for row in evaluation.meaningful_per_class.to_dict("records")
        ]


class Figures(Schema):
    """Figures over the images that have both a label and a prediction; null if there are no such images."""

    accuracy: float | None = Field(description="in [0, 1]")
    accuracy_ci95: list[float] | None = Field(
        description="lower and upper end of the 95% Wilson interval of the accuracy"
    )
    macro_f1: float | None = Field(
        description="mean F1 over the classes that occur, in [0, 1]; null if all images have the same label"
    )


class RunRecord(Figures):
    """The report of a run."""

    run_id: str
    state: str = Field(description=STATE)
    message: Sentence = Field(description="why it failed or is paused; may be empty")
    model: ModelName
    fit: Fit | None = Field(description=FIT_OF_RUN)
    n_images: int = Field(description="number of images in the dataset, and of rows without an image")
    n_without_image: int = Field(description="of n_images: rows of a table of labels that match no image")
    n_evaluated: int = Field(description="number of images with a prediction")
    n_labelled: int = Field(description="number of images with a prediction and a label, which the figures are over")
    n_failed: int = Field(
        description="number of images without a prediction, but for those that were left out by choice"
    )
    failed: list[FailedRow]
    n_left_out: int = Field(description="number of images whose label the user chose to leave out")
    ece15: float | None = Field(description="expected calibration error in 15 bins, in [0, 1]")
    classes: list[ClassFigures] | None = Field(description="figures of each class; null if there are no figures")
    confusion: ConfusionRecord | None
    notes: list[Sentence] = Field(description="how the dataset was read and what was decided, in sentences")
    label_map: dict[str, str] = Field(
        description="the class that each label of the dataset means, or (no label) or (leave out); "
        "a label with / at its end is the path of a folder"
    )
    seconds: float = Field(description="time spent on the evaluation")
    images_per_second: float | None = Field(
        description="null if the evaluation is not finished, is imported, took less than 30 seconds, or has a filter"
    )

    @classmethod
    def of(cls, run: Run) -> RunRecord:
        """The report of a run. Raises DatasetError when its rows cannot be read."""
        evaluation, manifest = run.evaluation(), run.manifest
        failed = run.detail(failures(run), ["file", "reason"])
        counts = evaluation.confusion.tolist() if evaluation else []
        return cls(
            run_id=manifest.run_id,
            state=run.state,
            message=manifest.message,
            model=ModelName.parse(manifest.model),
            fit=manifest.fit,
            n_images=manifest.n_images,
            n_without_image=manifest.n_without_image,
            n_evaluated=len(run.evaluated),
            n_labelled=len(run.labelled),
            n_failed=len(failed),
            failed=[FailedRow(file=f, reason=r) for f, r in zip(failed["file"], failed["reason"], strict=True)],
            n_left_out=len(run.failed) - len(failed),
            **figures(evaluation),
            ece15=evaluation.ece15 if evaluation else None,
            classes=ClassFigures.of_each(evaluation) if evaluation else None,
            confusion=ConfusionRecord(labels=list(manifest.class_names), counts=counts) if evaluation else None,
            notes=list(manifest.notes),
            label_map=dict(manifest.label_map),
            seconds=manifest.seconds,
            images_per_second=None if run.conditions else manifest.images_per_second,
        )


class ScoredRunRecord(RunRecord):
    """The report of a run, or of the rows of a run that a filter lets pass, with all metrics."""

    where: list[str] = Field(description="the conditions of the filter")
    metrics: dict[str, ScoreRecord] = Field(
        description="by name; a metric that is not defined for these images is left out"
    )
    damaged: list[Sentence] = Field(
        description="files beside the rows that cannot be read, each with the reason, what is missing therefore and what "
        "to do, in sentences; usually empty"
    )

    @classmethod
    def of(cls, run: Run) -> ScoredRunRecord:
        """The report of a run. Raises DatasetError when its rows cannot be read."""
        return cls(
            **dict(RunRecord.of(run)),
            where=as_texts(run.conditions),
            metrics=ScoreRecord.of_each(run.scores),
            damaged=list(map(str, run.file_faults.values())),
        )


class RunSummary(Schema):
    """A run in the list of runs."""

    run_id: str
    created_utc: str = Field(description="ISO 8601; of a damaged one, when its folder was last changed")
    state: str = Field(
        description="waiting, running, paused, finished, cancelled, failed, interrupted or damaged; of one that waits or is damaged, what "
        "is not known is empty, 0 or null"
    )
    user: str = Field(description=USER)
    dataset: str = Field(description="path on the server")
    model: ModelName
    fit: Fit | None = Field(description=FIT_OF_RUN)
    n_images: int
    n_without_image: int = Field(description="of n_images: rows of a table of labels that match no image")
    seconds: float
    message: Sentence = Field(description="why it failed or is paused, or what is damaged; may be empty")
    accuracy: ScoreRecord | None = Field(description="with its 95% Wilson interval; null if it is not known")
    verdict: str = Field(description="to review, accepted, rejected or empty")
    note: str

    @classmethod
    def of(cls, run: RunOverview, visitor: Visitor) -> RunSummary:
        """The summary of a run for a visitor."""
        manifest = run.manifest
        return cls(
            run_id=manifest.run_id,
            created_utc=manifest.created_utc,
            state=run.state,
            user=visitor.told_of(manifest.user),
            dataset=manifest.dataset,
            model=ModelName.parse(manifest.model),
            fit=manifest.fit,
            n_images=manifest.n_images,
            n_without_image=manifest.n_without_image,
            seconds=manifest.seconds,
            message=manifest.message or run.annotations_fault,
            accuracy=run.accuracy and ScoreRecord.of(run.accuracy),
            verdict=run.annotations.verdict,
            note=run.annotations.note,
        )

    @classmethod
    def of_job(cls, job: Job, visitor: Visitor) -> RunSummary:
        """An evaluation that has stored nothing so far in the list: what is not known yet is 0 or null."""
        return cls(
            run_id=job.run_id, created_utc=job.created_utc, state=job.state, user=visitor.told_of(job.user),
            dataset=readable_name(str(job.dataset)), model=ModelName.parse(job.model), fit=None, n_images=0, n_without_image=0,
            seconds=0.0, message="", accuracy=None, verdict="", note="",
        )  # fmt: skip

    @classmethod
    def of_damaged(cls, run: DamagedRun) -> RunSummary:
        """A damaged run in the list: all fields keep their types, so that programs which read the list go on working."""
        return cls(
            run_id=readable_name(run.run_id), created_utc=run.changed_utc, state="damaged", user="", dataset="", model=ModelName.parse(""),
            fit=None, n_images=0, n_without_image=0, seconds=0.0, message=run.reason, accuracy=None, verdict="", note="",
        )  # fmt: skip


class DeletedRunRecord(Schema):
    """A deleted run that can be restored."""

    run_id: str
    deleted_utc: str = Field(description="ISO 8601")
    days_left: int = Field(description="days until it is removed for good")
    dataset: str | None = Field(description="path on the server; null if the evaluation is damaged")
    model: ModelName | None
    n_images: int | None

    @classmethod
    def of(cls, run: DeletedRun) -> DeletedRunRecord:
        """The record of a deleted run."""
        m = run.manifest
        return cls(
            run_id=run.run_id, deleted_utc=run.deleted_utc, days_left=run.days_left, dataset=m.dataset if m else None,
            model=ModelName.parse(m.model) if m else None, n_images=m.n_images if m else None,
        )  # fmt: skip


class FailedRun(Schema):
    """A run that could not be changed."""

    run_id: str
    error: ErrorRecord


class RestorationRecord(Schema):
    """Runs that were restored."""

    restored: list[str] = Field(description="run ids")
    failed: list[FailedRun]


class ImportRecord(Figures):
    """A run made from predictions made elsewhere."""

    run_id: str
    model: str = Field(description="what made the predictions")
    n_images: int
    n_evaluated: int = Field(description="number of rows with a prediction, whose label is a class or missing")
    n_labelled: int = Field(description="number of them with a label, which the figures are over")
    n_failed: int = Field(description="number of rows without a prediction")
    n_left_out: int = Field(description="number of rows whose label the user chose to leave out")
    label_map: dict[str, str] = Field(description="the class that each label means, or (no label) or (leave out)")
    notes: list[Sentence] = Field(description="sentences on how the files were read")

    @classmethod
    def of(cls, imported: Imported) -> ImportRecord:
        """The record of an import."""
        manifest = imported.manifest
        return cls(
            run_id=manifest.run_id,
            model=manifest.model,
            n_images=manifest.n_images,
            n_evaluated=imported.n_evaluated,
            n_labelled=imported.evaluation.accuracy.n if imported.evaluation else 0,
            n_failed=imported.n_failed,
            n_left_out=imported.n_left_out,
            label_map=dict(manifest.label_map),
            **figures(imported.evaluation),
            notes=list(manifest.notes),
        )


class ExportRecord(Schema):
    """The files that an export wrote."""

    run_id: str
    state: str = Field(description=STATE)
    files: list[str]


class DeletionRecord(Schema):
    """Runs that were deleted."""

    deleted: list[str] = Field(description="run ids")
    failed: list[FailedRun]


def figures(evaluation: Evaluation | None) -> dict[str, object]:
    """The fields of `Figures`."""
    return {
        "accuracy": evaluation.accuracy.value if evaluation else None,
        "accuracy_ci95": [evaluation.accuracy.low, evaluation.accuracy.high] if evaluation else None,
        "macro_f1": evaluation.meaningful_macro_f1 if evaluation else None,
    }
