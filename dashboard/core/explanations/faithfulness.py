"""Tests whether a map is faithful to the model: removes or inserts pixels in its order and reads the probability.

Deletion and insertion: RISE (Petsiuk et al., arXiv 1806.07421, section 4.1); average drop: Grad-CAM++ (arXiv
1710.11063, section 4.1). The scores depend on what replaces a missing pixel. As in RISE, deleted pixels get a plain
colour, here the image's mean, and pixels that are not yet inserted are blurred, so that insertion completes the image
and adds no new edges. Every map is compared with control maps that know nothing of the model: random maps on the same
grid, and a centred Gaussian.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from dashboard.core.explanations.overlay import resize_maps
from dashboard.core.explanations.records import Faithfulness, MapScores, Verdict

SHARES = np.linspace(0, 1, 11)
RANDOM_MAPS = 8
SURE = 0.95  # share of random maps that should score below `prediction_limit`
BLUR = 1 / 8  # standard deviation of the blur, as a share of the image's side
UNMOVED = 0.02  # if all scores, also those of the controls, are smaller, the probability hardly moves
VARIANTS_BYTES = 128 * 2**20  # for the variants of an image that are in memory at a time
SPREAD = 1 / 4  # standard deviation of the centred Gaussian, as a share of the image's side

Probability = Callable[[np.ndarray], np.ndarray]


def measure(image: np.ndarray, maps: Sequence[np.ndarray], probability: Probability) -> list[Faithfulness]:
    """Tests maps of one image for faithfulness.

    Args:
        image: (H, W, C) float32 model input.
        maps: heatmaps (h, w) in [0, 1], each on its own grid; an empty map is all zero.
        probability: gives, for images (V, H, W, C), the probability (V,) of the class that the maps explain.

    Returns:
        One result per map, in the given order. It does not depend on which other maps are tested with it.
    """
    results: dict[int, Faithfulness] = {}
    for grid in dict.fromkeys(m.shape for m in maps):
        at = [i for i, m in enumerate(maps) if m.shape == grid]
        results |= zip(at, _measure_on_grid(image, [maps[i] for i in at], probability), strict=True)
    return [results[i] for i in range(len(maps))]


def _measure_on_grid(image: np.ndarray, maps: Sequence[np.ndarray], probability: Probability) -> list[Faithfulness]:
    """As `measure`, for maps (h, w) on the same grid."""
    size = image.shape[:2]
    rng = np.random.default_rng(zlib.crc32(image.tobytes()))  # so that an image always gets the same random maps
    controls = rng.random((RANDOM_MAPS, *maps[0].shape))
    stack = np.concatenate(
        [gaussian(*size)[None], resize_maps(controls, size), *(resize_maps(m[None], size) for m in maps)]
    )
    ranks = removal_order(stack, rng)
    maps_at_a_time = max(1, VARIANTS_BYTES // (2 * len(SHARES) * image.nbytes))
    scores = []
    for start in range(0, len(stack), maps_at_a_time):
        some = slice(start, start + maps_at_a_time)
        scores += read_scores(probability(variants(image, stack[some], ranks[some])), len(stack[some]))
    centred, randoms, owns = scores[0], scores[1 : 1 + RANDOM_MAPS], scores[1 + RANDOM_MAPS :]
    return [judge(own, randoms, centred, empty=not m.any()) for m, own in zip(maps, owns, strict=True)]


def gaussian(height: int, width: int) -> np.ndarray:
    """A centred Gaussian spot, (height, width) in (0, 1]."""
    y, x = (np.linspace(-0.5, 0.5, n) / SPREAD for n in (height, width))
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / 2).astype(np.float32)


def removal_order(maps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rank of each pixel in its map, (M, H, W) int; 0 is the highest value.

    Pixels of equal value, as in an empty map, come in random order, which is the same for all maps.
    """
    flat = maps.reshape(len(maps), -1)
    order = np.lexsort((np.broadcast_to(rng.random(flat.shape[1]), flat.shape), -flat), axis=-1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(flat.shape[1])[None], axis=1)
    return ranks.reshape(maps.shape)


def variants(image: np.ndarray, maps: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """All images that the model must see to score M maps.

    Args:
        image: (H, W, C).
        maps: (M, H, W) in [0, 1].
        ranks: (M, H, W), see `removal_order`.

    Returns:
        (3 + M * (2 * (S - 2) + 1), H, W, C): the image, the image with all pixels removed, and the image blurred. Then
        for each map: the image with each share of the pixels removed (except none and all), the blurred image with the
        same shares inserted, and the image multiplied by the map.
    """
    removed, blurred = np.broadcast_to(image.mean(axis=(0, 1)), image.shape), blur(image)
    counts = np.round(SHARES[1:-1] * ranks[0].size)[:, None, None, None]
    parts = [np.stack([image, removed, blurred])]
    for heatmap, rank in zip(maps, ranks, strict=True):
        top = rank[None, ..., None] < counts  # (S - 2, H, W, 1)
        shown = removed + heatmap[..., None] * (image - removed)
        parts += [np.where(top, removed, image), np.where(top, image, blurred), shown[None]]
    return np.concatenate(parts, dtype=np.float32)


def blur(image: np.ndarray) -> np.ndarray:
    """The image (H, W, C), blurred until nothing in it can be recognised."""
    import cv2

    sigma = BLUR * max(image.shape[:2])
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT).reshape(image.shape)


def read_scores(p: np.ndarray, maps: int) -> list[MapScores]:
    """The scores of each map, from the probabilities (V,) of the images that `variants` made."""
    (whole, removed, blurred), rows = p[:3], p[3:].reshape(maps, -1)
    inner = len(SHARES) - 2
    results = []
    for row in rows:
        deletion = np.array([whole, *row[:inner], removed])
        insertion = np.array([blurred, *row[inner:-1], whole])
        drop = max(0.0, float(whole - row[-1])) / max(float(whole), np.finfo(np.float64).tiny)
        results.append(MapScores(deletion, insertion, area(deletion), area(insertion), drop))
    return results


def area(curve: np.ndarray) -> float:
    """The area under a curve over SHARES, by the trapezoidal rule; in [0, 1] if the curve is."""
    return float(((curve[1:] + curve[:-1]) / 2 * np.diff(SHARES)).sum())


def judge(own: MapScores, randoms: Sequence[MapScores], centred: MapScores, empty: bool) -> Faithfulness:
    """Gives the verdict on a map. To pass, it must score above the limit of random maps and above the centred Gaussian.

    A map that scores no higher than the mean of the random maps fails. One between this mean and the limit is unclear.
    """
    scores = np.array([random.score for random in randoms])
    limit = min(1.0, prediction_limit(scores))  # no score is higher than 1
    verdict: Verdict
    if empty:
        verdict = "empty"
    elif np.abs([own.score, centred.score, *scores]).max() < UNMOVED:
        verdict = "unmoved"
    elif own.score <= limit:
        verdict = "unsure" if own.score > scores.mean() else "chance"
    else:
        verdict = "better" if own.score > centred.score else "mixed"
    return Faithfulness(SHARES, own, mean_scores(randoms), centred, verdict, scores, limit)


def prediction_limit(scores: np.ndarray, share: float = SURE) -> float:
    """The limit that one more score stays below with probability `share`: an upper prediction limit.

    It is mean + t * s * sqrt(1 + 1/n) of the scores (n,), n at least 2, with Student's t for n - 1 degrees of freedom
    (Hahn and Meeker, Statistical Intervals, 1991, section 4.8). The highest of the scores would be no fair limit: it
    depends on the luck of one random map.
    """
    from scipy.special import stdtrit

    n = len(scores)
    t = float(stdtrit(n - 1, share))
    return float(scores.mean() + t * scores.std(ddof=1) * np.sqrt(1 + 1 / n))


def mean_scores(scores: Sequence[MapScores]) -> MapScores:
    """The mean of all curves and figures. The area under the mean curve is the mean of the areas."""
    return MapScores(
        np.mean([s.deletion for s in scores], axis=0),
        np.mean([s.insertion for s in scores], axis=0),
        float(np.mean([s.deletion_auc for s in scores])),
        float(np.mean([s.insertion_auc for s in scores])),
        float(np.mean([s.average_drop for s in scores])),
    )
