"""The ids of predictions. Those of evaluations are RUN_ID:INDEX, because their rows are stored with the run."""

from __future__ import annotations


def id_in_run(run_id: str, index: int) -> str:
    """The id of the prediction for an image of an evaluation."""
    return f"{run_id}:{index}"


def place_in_run(prediction_id: str) -> tuple[str, int] | None:
    """The run and the index of the image; None if the prediction belongs to no evaluation."""
    run_id, _, index = prediction_id.rpartition(":")
    return (run_id, int(index)) if run_id and index.isdecimal() and len(index) < 20 else None
