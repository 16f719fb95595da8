"""Score-CAM (Wang et al., arXiv 1910.01279, section 3, algorithm 1): no gradients, one forward pass per channel."""

from __future__ import annotations

from functools import partial

import numpy as np

from dashboard.core.explanations.overlay import resize_maps
from dashboard.core.models.facts import ConvLayer
from dashboard.worker.explanations.baseline import mean_colour
from dashboard.worker.models.network import Network

MAX_CHANNELS = 256  # the channels that vary most are used; 2,048 forward passes per image would take minutes


def score_cam(network: Network, images: np.ndarray, targets: np.ndarray, layer: ConvLayer) -> np.ndarray:
    """Adds up the channels of a layer, each weighted by the class's logit for the image masked with this channel.

    Args:
        images: (N, H, W, C) model inputs.
        targets: (N,) class ids.

    Returns:
        (N, h, w) float32, not negative, not normalised.
    """
    activations, _ = network.activations(images, targets, layer)
    maps = []
    for image, target, features in zip(images, targets, activations, strict=True):
        channels = features.transpose(2, 0, 1)  # (c, h, w)
        channels = channels[varying(channels)]
        scores = network.target_logits_of(partial(mask, image), channels, image.nbytes, target)
        maps.append(combine(channels, scores))
    return np.stack(maps)


def varying(channels: np.ndarray) -> np.ndarray:
    """The indices of the channels (c, h, w) to use. A constant channel is left out, because it masks nothing."""
    spread = channels.std(axis=(1, 2))
    order = np.argsort(-spread, kind="stable")[:MAX_CHANNELS]
    return np.sort(order[spread[order] > 0])


def mask(image: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """The image (H, W, C) masked with each channel (c, h, w), enlarged and scaled to [0, 1]: (c, H, W, C)."""
    low, high = channels.min(axis=(1, 2), keepdims=True), channels.max(axis=(1, 2), keepdims=True)
    masks = resize_maps((channels - low) / (high - low), image.shape[:2])[..., None]  # eq. 5, 6
    background = mean_colour(image[None])[0]
    return (background + masks * (image - background)).astype(np.float32, copy=False)


def combine(channels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """ReLU of the channels (c, h, w) weighted by the softmax of their scores (c,): (h, w) float32.

    The paper subtracts the score of the background. It is the same for all channels, so the softmax does not change.
    """
    raised = np.exp(scores - scores.max(initial=-np.inf))
    weights = raised / max(raised.sum(), np.finfo(np.float32).tiny)
    return np.maximum(np.einsum("chw,c->hw", channels, weights), 0).astype(np.float32)
