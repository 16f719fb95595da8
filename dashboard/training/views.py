"""Prepares the images of the next epochs in separate processes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from dashboard.training.augmentation import augment_epoch, mix_patches
from dashboard.training.processes import processes
from dashboard.training.recipes import Recipe

MOST_PROCESSES = 8  # each process keeps a copy of the images


@dataclass(frozen=True)
class Views:
    """The augmented training images and targets of each epoch of a recipe."""

    recipe: Recipe
    images: np.ndarray  # (N, S, S, 3) uint8
    photos: np.ndarray  # (N, S, S, 3) uint8, see `augment_epoch`
    targets: np.ndarray  # (N, K) probabilities

    def of(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The images of an epoch, (N, side, side, 3) uint8, and their targets, (N, K) probabilities."""
        recipe, full = self.recipe, self.images.shape[1]
        seen = augment_epoch(
            self.images,
            self.photos,
            epoch,
            recipe.seed,
            photo_share=recipe.photo_share,
            crop_padding=recipe.crop_padding,
            cutout=recipe.cutout,
            side=recipe.small_side if epoch < recipe.small_share * recipe.epochs else full,
            distorted_share=0.0 if recipe.shows_all(epoch) else recipe.distorted_share,
            chained_share=recipe.chained_share,
            resampled_share=recipe.resampled_share,
            noisy_share=recipe.noisy_share,
            most_noise=recipe.most_noise,
        )
        if not recipe.mixed_share:
            return seen, self.targets
        mixed, others, taken = mix_patches(seen, recipe.mixed_share, np.random.default_rng([recipe.seed, epoch, 2]))
        return mixed, (1 - taken)[:, None] * self.targets + taken[:, None] * self.targets[others]

    def from_epoch(self, first: int) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        """Yields `of` for each epoch from `first` to the recipe's last. Raises WorkerError if a process was killed."""
        ahead = min(MOST_PROCESSES, max(1, (os.cpu_count() or 1) // 2))
        with processes(ahead, _hold, self) as pool:
            upcoming = deque(
                pool.submit(_view, epoch) for epoch in range(first, min(first + ahead, self.recipe.epochs))
            )
            for epoch in range(first, self.recipe.epochs):
                view = upcoming.popleft().result()
                if epoch + ahead < self.recipe.epochs:
                    upcoming.append(pool.submit(_view, epoch + ahead))
                yield view


_held: Views


def _hold(views: Views) -> None:
    global _held
    _held = views


def _view(epoch: int) -> tuple[np.ndarray, np.ndarray]:
    return _held.of(epoch)
