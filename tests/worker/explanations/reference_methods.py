"""A second implementation of every method, in loops and float64, written from the papers and not from our code."""

from __future__ import annotations

import math

import numpy as np

from tests.worker.reference_models import Array, differences, logits_in_numpy


def grad_cam(a: Array, g: Array) -> Array:
    return cut(sum_channels(a, [g[..., k].mean() for k in range(a.shape[-1])]))


def grad_cam_plus_plus(a: Array, g: Array) -> Array:
    weights = []
    for k in range(a.shape[-1]):
        total, weight = max(0.0, a[..., k].sum()), 0.0
        for i, j in np.ndindex(a.shape[:2]):
            slope = g[i, j, k]
            if slope > 0:
                weight += slope**2 / (2 * slope**2 + total * slope**3) * slope
        weights.append(weight)
    return cut(sum_channels(a, weights))


def layer_cam(a: Array, g: Array) -> Array:
    return per_place(a, np.where(g > 0, g, 0))


def hires_cam(a: Array, g: Array) -> Array:
    return per_place(a, g)


def score_cam(parts: list, image: Array, target: int, a: Array) -> Array:
    scores = []
    for k in range(a.shape[-1]):
        low, high = a[..., k].min(), a[..., k].max()
        mask = enlarge((a[..., k] - low) / (high - low), image.shape[:2])
        mean = image.mean(axis=(0, 1))
        scores.append(logits_in_numpy(parts, (mean + mask[..., None] * (image - mean))[None])[0, target])
    raised = [math.exp(s - max(scores)) for s in scores]
    return cut(sum_channels(a, [r / sum(raised) for r in raised]))


def integrated_gradients(parts: list, image: Array, target: int, places: Array, steps: int = 150) -> Array:
    """Attributions by the midpoint rule, only at some places of the input."""
    mean = np.broadcast_to(image.mean(axis=(0, 1)), image.shape)
    total = np.zeros(len(places))
    for step in range(steps):
        x = mean + (step + 0.5) / steps * (image - mean)
        total += differences(parts, x, target, places)
    return (image - mean).ravel()[places] * total / steps


def smooth_grad(parts: list, image: Array, copies: Array, target: int, places: Array) -> Array:
    """Mean derivative over the given noisy copies, times the image's difference from its mean; only at some places."""
    slopes = np.mean([differences(parts, copy, target, places) for copy in copies], axis=0)
    return (image - image.mean(axis=(0, 1))).ravel()[places] * slopes


def occlusion(parts: list, image: Array, target: int, patch: int, positions: list[int]) -> Array:
    height, width = image.shape[:2]
    whole = logits_in_numpy(parts, image[None])[0, target]
    falls: list[list[list[float]]] = [[[] for _ in range(width)] for _ in range(height)]
    for top in positions:
        for left in positions:
            covered = image.copy()
            covered[max(top, 0) : top + patch, max(left, 0) : left + patch] = image.mean(axis=(0, 1))
            fall = whole - logits_in_numpy(parts, covered[None])[0, target]
            for i in range(max(top, 0), min(top + patch, height)):
                for j in range(max(left, 0), min(left + patch, width)):
                    falls[i][j].append(fall)
    return cut(np.array([[sum(cell) / len(cell) for cell in row] for row in falls]))


def sum_channels(a: Array, weights: list[float]) -> Array:
    return sum(weight * a[..., k] for k, weight in enumerate(weights))


def per_place(a: Array, weights: Array) -> Array:
    values = np.zeros(a.shape[:2])
    for i, j, k in np.ndindex(a.shape):
        values[i, j] += weights[i, j, k] * a[i, j, k]
    return cut(values)


def cut(values: Array) -> Array:
    return np.where(values > 0, values, 0)


def enlarge(plane: Array, size: tuple[int, ...]) -> Array:
    """Bilinear interpolation with pixel centres at 1/2; the edge is repeated."""

    def weights(small: int, large: int) -> Array:
        matrix = np.zeros((large, small))
        for i in range(large):
            place = min(max((i + 0.5) * small / large - 0.5, 0), small - 1)
            low = min(int(place), small - 2)
            matrix[i, low] += 1 - (place - low)
            matrix[i, low + 1] += place - low
        return matrix

    return weights(plane.shape[0], size[0]) @ plane @ weights(plane.shape[1], size[1]).T
