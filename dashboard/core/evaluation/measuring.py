"""The metrics of a stored run."""

from __future__ import annotations

from dataclasses import replace

from dashboard.core.runs.folder import RunFolder


def measure(folder: RunFolder) -> None:
    """Computes the metrics of a run and stores them beside its rows. Packs the rows if none is missing.

    Call it in a worker: it imports scikit-learn and SciPy, which would add 100 MB to the server's memory.

    Raises:
        DatasetError: there is no such run, or it is damaged.
        OSError: the files cannot be written.
    """
    run = folder.load(("true_label", "predicted_label", "confidence", "status"))
    if evaluation := replace(run, measured=None).evaluation():
        folder.beside.keep_evaluation(evaluation)
    if len(run.table) == run.manifest.n_images:
        folder.rows.pack(run.files)
    elif len(folder.load(("index",)).table) > len(run.table):
        folder.beside.forget_evaluation()  # the run went on meanwhile; it is measured again when it ends
