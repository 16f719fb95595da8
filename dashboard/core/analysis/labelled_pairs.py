"""The answers of two runs for the images that both have, with a label on which both agree."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dashboard.core.analysis.same_images import all_classes, label_ids, not_comparable, same_images
from dashboard.core.errors import counted, listed
from dashboard.core.metrics.answers import Answers
from dashboard.core.runs.run import Run


@dataclass(frozen=True)
class LabelledPairs:
    """Two answers for each of N images; both have the same labels and class ids."""

    a: Answers
    b: Answers
    class_names: tuple[str, ...]  # of both runs, in the order of the class ids
    notes: tuple[str, ...]  # which images these are, in sentences
    positions_a: np.ndarray  # (N,) int, ascending, the rows' positions in the first run, see `RowFiles`
    positions_b: np.ndarray  # (N,) in the second run

    def __len__(self) -> int:
        return len(self.a)

    def rows(self, mask: np.ndarray) -> pd.DataFrame:
        """Some of the images, sorted by the confidence of B, the highest first.

        The columns are position_a, position_b, true_label, predicted_a, predicted_b, confidence_a and confidence_b.
        """
        names = np.asarray(self.class_names, object)
        columns = {
            "position_a": self.positions_a[mask],
            "position_b": self.positions_b[mask],
            "true_label": names[self.a.true_ids[mask]],
        }
        for side, answers in (("a", self.a), ("b", self.b)):
            columns[f"predicted_{side}"] = names[answers.predicted_ids[mask]]
            confidence = answers.probabilities.confidence[mask] if answers.probabilities else np.nan
            columns[f"confidence_{side}"] = np.broadcast_to(confidence, int(mask.sum()))
        return pd.DataFrame(columns).sort_values("confidence_b", ascending=False, kind="stable", ignore_index=True)


def labelled_pairs(a: Run, b: Run) -> LabelledPairs:
    """The images of both runs that can be compared.

    Classes are matched by name. Images without a label or a prediction in one of the runs are left out, and images
    whose labels differ.

    Raises:
        DatasetError: no image is left, with the code `not_comparable`; or the rows of a run cannot be read.
    """
    names = all_classes(a, b)
    if len(names) == len(a.manifest.class_names) + len(b.manifest.class_names):
        raise not_comparable(
            f"The classes of {a.manifest.model} ({listed(a.manifest.class_names, 5)}) and of {b.manifest.model} "
            f"({listed(b.manifest.class_names, 5)}) have no name in common.",
            "If they mean the same, import the predictions again with `--class-names`, or add the model again with other class names.",
        )
    same = same_images(a, b)
    places = (same.places_a, same.places_b)
    true_a, true_b = (label_ids(run, "true_label", names)[at] for run, at in zip((a, b), places, strict=True))
    predicted = [label_ids(run, "predicted_label", names)[at] for run, at in zip((a, b), places, strict=True)]
    predictions = (predicted[0] >= 0).astype(int) + (predicted[1] >= 0)
    labels = (true_a >= 0).astype(int) + (true_b >= 0)
    kept = (predictions == 2) & (labels == 2) & (true_a == true_b)
    notes = [
        *same.notes,
        *_left_out(len(a.table), len(b.table), bool(a.conditions or b.conditions), predictions, labels, kept),
        *_other_classes(a, b),
    ]
    if not kept.any():
        raise not_comparable(
            f"{a.manifest.model} and {b.manifest.model} share {counted(len(kept), 'image')}, but none with a "
            "prediction and the same label in both.",
            "Evaluate a dataset with labels, or map its labels to the same classes in both evaluations.",
        )
    chosen = [at[kept] for at in places]
    answers = [_answers(run, at, names) for run, at in zip((a, b), chosen, strict=True)]
    positions = [run.table.index.to_numpy()[at] for run, at in zip((a, b), chosen, strict=True)]
    return LabelledPairs(answers[0], answers[1], names, tuple(notes), positions[0], positions[1])


def _answers(run: Run, places: np.ndarray, names: tuple[str, ...]) -> Answers:
    """The answers for these places in `Run.table`, all of them labelled, with places in `names` as class ids."""
    is_labelled = (run.table["status"] == "ok").to_numpy() & run.table["true_label"].notna().to_numpy()
    found = run.answers.take((np.cumsum(is_labelled) - 1)[places])
    place_of = {name: place for place, name in enumerate(names)}
    ids = np.array([place_of[name] for name in run.manifest.class_names])
    return replace(found, true_ids=ids[found.true_ids], predicted_ids=ids[found.predicted_ids], n_classes=len(names))


def _left_out(
    n_a: int, n_b: int, filtered: bool, predictions: np.ndarray, labels: np.ndarray, kept: np.ndarray
) -> list[str]:
    """What is left out and why, in sentences.

    Args:
        filtered: whether one of the two has conditions.
        predictions, labels: (N,) int, how many of the two runs have one for the image.
    """
    n, answered = len(kept), predictions == 2
    alone = "{} in only one of the two and left out."
    if filtered:
        alone = "{} left out: in only one of the two evaluations, or kept by the filter in only one."
    counts = (
        (n_a + n_b - 2 * n, alone),
        (int((predictions == 0).sum()), "{} left out, because neither of the two has a prediction."),
        (int((predictions == 1).sum()), "{} left out, because one of the two has no prediction."),
        (int((answered & (labels == 0)).sum()), "{} left out, because neither of the two has a label."),
        (int((answered & (labels == 1)).sum()), "{} left out, because one of the two has no label."),
        (int((answered & (labels == 2) & ~kept).sum()), "{} left out, because their labels differ between the two."),
    )
    return [
        text.format(f"{counted(count, 'image')} {'is' if count == 1 else 'are'}") for count, text in counts if count
    ]


def _other_classes(a: Run, b: Run) -> list[str]:
    notes = []
    for one, other in ((a, b), (b, a)):
        if more := [name for name in one.manifest.class_names if name not in {*other.manifest.class_names}]:
            notes.append(
                f"Only {one.manifest.model} has {'the class' if len(more) == 1 else 'the classes'} {listed(more)}: "
                "predicting one of them counts as a mistake."
            )
    return notes
