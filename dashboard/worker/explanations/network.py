"""The three questions that every method of explanation asks of a network, from NumPy arrays to NumPy arrays."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from dashboard.core.records import ConvLayer
from dashboard.worker.batches import in_batches
from dashboard.worker.taps import Taps


class Network:
    """A classifier as a function of its input; y_c in the papers is always the logit of the target class.

    Images are model inputs (N, H, W, C) float32, targets class ids (N,); any N, batched here.
    """

    def __init__(self, taps: Taps) -> None:
        self.taps = taps

    def logits(self, images: np.ndarray) -> np.ndarray:
        """(N, K) float32."""
        return in_batches(lambda x: (self.taps.logits(tf.constant(x)).numpy(),), images)[0]

    def target_logits(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """y_c of each image, (N,) float32."""
        return np.take_along_axis(self.logits(images), targets[:, None], axis=1)[:, 0]

    def activations(self, images: np.ndarray, targets: np.ndarray, layer: ConvLayer) -> tuple[np.ndarray, np.ndarray]:
        """A layer's activations and the derivative of y_c by them, both (N, h, w, c) float32."""

        def run(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
            results = self.taps.gradients(tf.constant(x), tf.constant(target, tf.int32), layer)
            return tuple(result.numpy() for result in results[1:])

        activations, gradients = in_batches(run, images, targets)
        return activations, gradients
