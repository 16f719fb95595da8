"""A network as the methods of explanation use it: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dashboard.core.explanations.faithfulness import VARIANTS_BYTES
from dashboard.core.models.facts import ConvLayer
from dashboard.worker.models.batches import batch_size, in_batches
from dashboard.worker.models.taps import Taps


class Network:
    """A classifier as a function of its input. y_c of the papers is always the logit of the target class.

    Images are model inputs (N, H, W, C) float32, and targets are class ids (N,). N can be any number: the methods split
    the images into batches.
    """

    def __init__(self, taps: Taps) -> None:
        self.taps = taps

    def logits(self, images: np.ndarray) -> np.ndarray:
        """The logits of the images, (N, K) float32."""
        return _batched(lambda x: (self.taps.logits(tf.constant(x)),), images)[0]

    def target_logits(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The logit y_c of each image's target class, (N,) float32."""
        return np.take_along_axis(self.logits(images), targets[:, None], axis=1)[:, 0]

    def target_logits_of(
        self, make: Callable[[np.ndarray], np.ndarray], parts: np.ndarray, image_bytes: int, target: int
    ) -> np.ndarray:
        """The logits y_c (P,) float32 of variants of an image; only a few variants are in memory at a time.

        Args:
            make: a function that makes variants (p, H, W, C) from some of the parts.
            parts: (P, ...), one part per variant, such as a mask.
        """
        size = max(1, VARIANTS_BYTES // image_bytes)
        made = (make(parts[i : i + size]) for i in range(0, len(parts), size))
        logits = [self.target_logits(variants, np.full(len(variants), target)) for variants in made]
        return np.concatenate(logits) if logits else np.zeros(0, np.float32)

    def activations(self, images: np.ndarray, targets: np.ndarray, layer: ConvLayer) -> tuple[np.ndarray, np.ndarray]:
        """A layer's activations and the derivative of y_c with respect to them, both (N, h, w, c) float32."""

        def run(x: np.ndarray, target: np.ndarray) -> tuple[tf.Tensor, ...]:
            return self.taps.gradients(tf.constant(x), tf.constant(target, tf.int32), layer)[1:]

        activations, gradients = _batched(run, images, targets)
        return activations, gradients

    def input_gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The derivative of y_c with respect to the input, (N, H, W, C) float32."""

        def run(x: np.ndarray, target: np.ndarray) -> tuple[tf.Tensor]:
            return (self.taps.input_gradients(tf.constant(x), tf.constant(target, tf.int32)),)

        return _batched(run, images, targets)[0]

    def embeddings(self, images: np.ndarray) -> np.ndarray:
        """The embeddings of the images, (N, d) float32. See `Taps.embeddings`."""
        return _batched(lambda x: (self.taps.embeddings(tf.constant(x)),), images)[0]


def _batched(
    run: Callable[..., tuple[tf.Tensor, ...]], images: np.ndarray, *more: np.ndarray
) -> tuple[np.ndarray, ...]:
    size = batch_size(*images.shape[1:3])
    return in_batches(lambda *rows: tuple(tensor.numpy() for tensor in run(*rows)), images, *more, size=size)
