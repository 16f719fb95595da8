"""What a worker does in a task, in words that complete "The worker is ..."."""

from __future__ import annotations

_WORDS = {
    "probe_tensorflow": "checking TensorFlow",
    "read_model_structure": "reading the layers of a model",
    "describe_model": "loading and measuring a model",
    "predict_files": "predicting",
    "predict_samples": "predicting images of an evaluation",
    "explain": "explaining a prediction",
    "explain_layers": "explaining a prediction layer by layer",
    "check_randomization": "testing a heatmap",
    "explain_samples": "explaining images of an evaluation",
    "embed_samples": "preparing the search for similar images",
    "embed_file": "looking for similar images",
    "inspect_model_file": "trying a new model",
    "measure_run": "computing the metrics of an evaluation",
    "find_in_run": "looking for what stands out in an evaluation",
    "label_issues_in_run": "looking for label errors",
}


def in_words(task: str) -> str:
    """The words for a task; its name if there are none."""
    return _WORDS.get(task, task)
