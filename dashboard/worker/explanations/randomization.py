"""Tests whether a map depends on what the model learnt.

Model parameter randomization: Adebayo et al., arXiv 1810.03292, section 3.

If the map stays the same when the weights are random, the method shows the picture and not the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np

from dashboard.worker.models.network import Network
from dashboard.worker.models.taps import Taps

SEEDS = (0, 1, 2)  # one network with shuffled weights per seed


def shuffled_networks(
    model: keras.Model, output: str, input_shape: tuple[int, int, int], seeds: tuple[int, ...] = SEEDS
) -> Iterator[Network]:
    """One copy of the network per seed, with the values of each weight array in random order. The model is not changed.

    Shuffling keeps the scale of the weights, so that activations neither vanish nor explode. Newly drawn weights could
    also leave a path unchanged, where the initialiser gives zeros or an identity.
    """
    weights = model.get_weights()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        copy = keras.models.clone_model(model)
        copy.set_weights([rng.permutation(array.ravel()).reshape(array.shape) for array in weights])
        yield Network(Taps(copy, output, input_shape))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps of the same size, in [-1, 1]; 0 if one of them is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    from scipy.stats import spearmanr

    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def compare(
    networks: Iterator[Network], maps: np.ndarray, explain: Callable[[Network], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Compares the maps (N, h, w) of the model with the maps that `explain` makes with each network.

    Returns:
        The mean rank correlation of each image, (N,), and the maps of the first network, (N, h, w).
    """
    others = [explain(network) for network in networks]
    correlations = [[rank_correlation(*pair) for pair in zip(maps, found, strict=True)] for found in others]
    return np.mean(correlations, axis=0), others[0]
