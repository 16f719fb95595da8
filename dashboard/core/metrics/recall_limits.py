"""Intervals of the metrics that are functions of the recalls, from Wilson's interval of each recall.

A bootstrap draws no error from a class without errors, however few images it has. So each recall in turn moves to a
limit of its Wilson interval, while the others stay, and the squares of the changes add up: the method of variance
estimates recovery (Zou, Donner: Construction of confidence limits about effect measures, Statistics in Medicine 27, 2008).
"""

from __future__ import annotations

import numpy as np

from dashboard.core.metrics.answers import Answers
from dashboard.core.metrics.weighted import class_metrics
from dashboard.core.metrics.wilson import wilson

OF_RECALLS = ("balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "cohen_kappa")
_MOST_CLASSES = 5000  # a square of numbers as large as that is in memory
_BLOCK = 1_000_000  # numbers in memory at once


def limits_of_recalls(answers: Answers) -> dict[str, tuple[float, float]]:
    """The 95% interval of each metric of `OF_RECALLS`, by name.

    None if fewer than two labels occur, or if there are more than `_MOST_CLASSES` classes.

    The errors of a class become more or fewer in proportion. Where there are none, they would be predicted as the other
    classes, in proportion to their images.
    """
    k = answers.n_classes
    if k > _MOST_CLASSES:
        return {}
    counts = np.bincount(answers.true_ids * k + answers.predicted_ids, minlength=k * k)
    confusion = counts.reshape(k, k).astype(float)
    images, predicted, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    occurring = np.flatnonzero(images)
    if len(occurring) < 2:
        return {}
    value = class_metrics(images[None], predicted[None], hits[None], answers.averaged)
    lows, highs = wilson(hits, images)
    squares = {name: np.zeros(2) for name in OF_RECALLS}  # of the changes down and up
    for some in np.array_split(occurring, -(-len(occurring) * k // _BLOCK)):
        rows = confusion[some]
        rows[np.arange(len(some)), some] = 0
        without = rows.sum(axis=1) == 0
        rows[without] = images
        rows[np.arange(len(some)), some] = 0
        rows /= rows.sum(axis=1, keepdims=True)  # shares of the errors
        changes = []
        for limit in (lows, highs):
            gained = limit[some] * images[some] - hits[some]  # right answers
            moved = -gained[:, None] * rows
            moved[np.arange(len(some)), some] = gained
            right = np.where(np.arange(k) == some[:, None], hits + gained[:, None], hits)
            tiled = np.tile(images, (len(some), 1))
            moved_metrics = class_metrics(tiled, predicted + moved, right, answers.averaged)
            changes.append({name: moved_metrics[name] - value[name] for name in OF_RECALLS})
        for name, square in squares.items():
            both = np.stack([change[name] for change in changes])
            square += [(both.min(axis=0).clip(max=0) ** 2).sum(), (both.max(axis=0).clip(min=0) ** 2).sum()]
    return {
        name: (float(value[name][0] - np.sqrt(down)), float(value[name][0] + np.sqrt(up)))
        for name, (down, up) in squares.items()
    }
