"""Labels that may be wrong, found and ranked by cleanlab (confident learning, Northcutt et al., arXiv 1911.00068).

The probabilities must be those of a model that was not trained on the images; otherwise it has learned their errors.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.errors import counted
from dashboard.core.runs.export import safe_for_spreadsheets, with_further_columns
from dashboard.core.runs.run import Run, damaged
from dashboard.core.shell import in_command

COLUMNS = ("index", "file", "label", "suggested_label", "confidence", "score", "rank")
MAY_LACK = "A wrong label can be missing here if the model is less sure of the right class than usual, so look at all mistakes, too."
MOST_BYTES = 2**29  # of probabilities in memory; beyond, cleanlab's method for large data is used
_MOST_VALUES_IN_A_SECOND = 4_000_000  # probabilities
_ROUNDING = 1e-6  # of a mean of equal numbers; cleanlab allows for the same
_NEEDED = ("status", "true_label", "predicted_label", "confidence")


def label_issues(run: Run) -> pd.DataFrame:
    """The images of a run whose label is probably wrong, the most doubtful label first.

    Every labelled image of the run counts for what is usual in a class, except those that are predicted as a class
    without labelled images: of that class, it is not known what is usual. The label of such an image is doubtful if the
    model is at least as confident as it is on average where its answer agrees with the label, or on average over all
    images if no answer does. Of the answer, only images that pass the filter of `run` are given. There are none if the run
    has only predicted classes.

    Returns:
        A table with the columns `COLUMNS`, indexed by position as `run.table` is. `suggested_label` is the predicted
        class and `confidence` its probability. `score` is the probability of the label, both in [0, 1]. `rank` counts
        from 1.

    Raises:
        DatasetError: the rows cannot be read.
    """
    try:
        positions = _issues(run) if run.has_probabilities else np.array([], np.int64)
    except (OSError, pa.ArrowException) as error:
        raise damaged(run.manifest.run_id, error) from error
    positions = positions[np.isin(positions, run.table.index.to_numpy())]
    wanted = ["index", "file", "true_label", "predicted_label", "confidence", "true_probability"]
    found = run.detail(run.table.loc[positions], wanted).sort_values("true_probability", kind="stable")
    columns = dict(zip(wanted, COLUMNS, strict=False))
    return found.rename(columns=columns).assign(rank=np.arange(1, len(found) + 1))


def is_quick(run: Run) -> bool:
    """Whether `label_issues` takes about a second at most."""
    return len(run.labelled) * len(run.manifest.class_names) <= _MOST_VALUES_IN_A_SECOND


def issues_in_words(count: int, labelled: int) -> str:
    """How many of the labels of a run are doubtful, to begin a sentence."""
    return f"{count:,} of {counted(labelled, 'label')} may be wrong"


def where_to_look(run_id: str) -> str:
    """Where the doubtful labels of a run are shown, to end a sentence."""
    return f"in the view Labels or with `python -m dashboard runs label-issues {in_command(run_id)}`"


def issues_csv(run: Run, issues: pd.DataFrame) -> bytes:
    """A CSV file of rows that `label_issues` found in the run; UTF-8 with byte order mark.

    It has the columns `COLUMNS` and the further columns of the dataset. Raises DatasetError when these cannot be read.
    """
    table = with_further_columns(run, safe_for_spreadsheets(issues[[*COLUMNS]]))
    return table.to_csv(index=False).encode("utf-8-sig")


def _issues(run: Run) -> np.ndarray:
    """The positions of all rows whose label is doubtful, in ascending order."""
    table = run.files.arrow(_NEEDED)
    known = pc.and_(pc.equal(pc.cast(table["status"], pa.string()), "ok"), pc.is_valid(table["true_label"]))
    positions = np.flatnonzero(known.to_numpy())
    names = pa.array(run.manifest.class_names)
    labels, predicted = (
        pc.index_in(pc.cast(table[name].take(pa.array(positions)), pa.string()), names).to_numpy()
        for name in ("true_label", "predicted_label")
    )
    comparable = np.full(len(positions), True)
    while not (usable := np.isin(predicted[comparable], labels[comparable])).all():
        comparable[comparable] = usable  # leaving some out may remove the last image with a label
    confidence = table["confidence"].take(pa.array(positions)).to_numpy()
    others = positions[~comparable & (confidence >= _threshold_without_images(confidence, labels == predicted))]
    positions = positions[comparable]
    classes, ids = np.unique(labels[comparable], return_inverse=True)
    if len(classes) < 2:
        return others  # without a second label there is nothing to mistake one for
    find = _in_pieces if len(ids) * len(run.manifest.class_names) * 8 > MOST_BYTES else _at_once
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that some class has few images
        return np.sort(np.concatenate([positions[find(run, ids, positions, classes)], others]))


def _threshold_without_images(confidence: np.ndarray, agrees: np.ndarray) -> float:
    """The threshold of classes without labelled images: the mean confidence of the answers that agree with their labels.

    cleanlab never suggests such a class. The largest threshold of the other classes is too high if some have few images,
    and their mean is lower than this one, which leaves mistakes out. It marks 0.3% to 1.2% of the images, all labelled
    rightly, if two of CIFAR-10's classes are present; the other rule marks 1.5% to 2.8% if all ten are.
    """
    return float(np.mean(confidence, where=agrees if agrees.any() else True)) - _ROUNDING if len(confidence) else np.inf


def _at_once(run: Run, ids: np.ndarray, positions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    probs = run.files.arrow(["pred_probs"])["pred_probs"].take(pa.array(positions))
    values = _among(classes, pc.list_flatten(probs).to_numpy().reshape(len(ids), -1))
    return find_label_issues(ids, values, n_jobs=1, return_indices_ranked_by="self_confidence")


def _in_pieces(run: Run, ids: np.ndarray, positions: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """As `_at_once`, with some thousand rows in memory.

    It finds nearly the same images: it counts the doubtful labels as confident learning does, and takes so many with the
    least probable label, from all classes together instead of from each pair of classes.
    """
    from cleanlab.experimental.label_issues_batched import LabelInspector

    inspector = LabelInspector(num_class=len(classes), n_jobs=1, verbose=False)
    for look in (inspector.update_confident_thresholds, inspector.score_label_quality):
        for some_ids, probs in _pieces(run, ids, positions):
            look(some_ids, _among(classes, probs))
    return inspector.get_label_issues()


def _among(classes: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """The probabilities (N, C) of the C classes that occur as labels.

    cleanlab wants values in [0, 1], but imported probabilities may be rounded to slightly beyond.
    """
    probs = np.clip(pred_probs, 0, 1)
    return probs[:, classes] / probs.sum(axis=1, keepdims=True)


def _pieces(run: Run, ids: np.ndarray, positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    first = 0
    for rows in run.files.batches(["pred_probs"]):
        start, end = np.searchsorted(positions, (first, first + len(rows)))
        if start < end:
            here = rows["pred_probs"].iloc[positions[start:end] - first]
            yield ids[start:end], np.stack(here.to_list())
        first += len(rows)
