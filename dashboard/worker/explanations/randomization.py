"""Does a map depend on what the model learnt? (Adebayo et al., arXiv 1810.03292, section 3: model parameter randomization)

A method whose map stays the same when the weights are random shows the picture, not the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np

from dashboard.worker.models.network import Network
from dashboard.worker.models.taps import Taps

SEEDS = (0, 1, 2)  # networks with shuffled weights that a map is compared with


def shuffled_networks(
    model: keras.Model, output: str, input_shape: tuple[int, int, int], seeds: tuple[int, ...] = SEEDS
) -> Iterator[Network]:
    """The same network with the numbers of each weight array in random order, once a seed. The model is not changed.

    Shuffled, not drawn anew: scales stay as they are, so that nothing vanishes or blows up, and initialisers that are zero
    or an identity leave no path as it was.
    """
    weights = model.get_weights()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        copy = keras.models.clone_model(model)
        copy.set_weights([rng.permutation(array.ravel()).reshape(array.shape) for array in weights])
        yield Network(Taps(copy, output, input_shape))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, of two maps of one size, in [-1, 1]; 0 where one of them is the same everywhere."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    from scipy.stats import spearmanr

    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def compare(
    networks: Iterator[Network], maps: np.ndarray, explain: Callable[[Network], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The maps (N, h, w) of the model against those that `explain` makes with each of the networks.

    Returns:
        Mean rank correlation of each image, (N,), and the maps of the first network, (N, h, w).
    """
    others = [explain(network) for network in networks]
    correlations = [[rank_correlation(*pair) for pair in zip(maps, found, strict=True)] for found in others]
    return np.mean(correlations, axis=0), others[0]
