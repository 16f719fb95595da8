"""What each epoch shows, prepared ahead in processes of their own: changing single images holds Python's lock."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from dashboard.core.errors import WorkerError
from dashboard.training.augmentation import augment_epoch, mix_patches
from dashboard.training.recipes import Recipe

MOST_PROCESSES = 8  # each holds the images


@dataclass(frozen=True)
class Views:
    """The training images as the epochs of a recipe show them."""

    recipe: Recipe
    images: np.ndarray  # (N, S, S, 3) uint8
    photos: np.ndarray  # (N, S, S, 3) uint8, see `augment_epoch`
    targets: np.ndarray  # (N, K) probabilities

    def of(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """(N, side, side, 3) uint8 and what is to be learnt of them, (N, K) probabilities."""
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
            distorted_share=0.0 if epoch >= (1 - recipe.all_share) * recipe.epochs else recipe.distorted_share,
        )
        if not recipe.mixed_share:
            return seen, self.targets
        mixed, others, taken = mix_patches(seen, recipe.mixed_share, np.random.default_rng([recipe.seed, epoch, 2]))
        return mixed, (1 - taken)[:, None] * self.targets + taken[:, None] * self.targets[others]

    def from_epoch(self, first: int) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        """`of` each epoch from `first` to the recipe's last. Raises WorkerError when a process was killed."""
        processes = min(MOST_PROCESSES, max(1, (os.cpu_count() or 1) // 2))
        spawn = multiprocessing.get_context("spawn")  # a fork would copy the locks of TensorFlow's threads
        with ProcessPoolExecutor(processes, spawn, initializer=_hold, initargs=(self,)) as pool:
            upcoming = deque(pool.submit(_view, e) for e in range(first, min(first + processes, self.recipe.epochs)))
            for epoch in range(first, self.recipe.epochs):
                try:
                    view = upcoming.popleft().result()
                    if epoch + processes < self.recipe.epochs:
                        upcoming.append(pool.submit(_view, epoch + processes))
                except BrokenProcessPool as error:
                    raise WorkerError(
                        "A process that prepares the images was ended from outside, perhaps for want of memory.",
                        "The same command goes on from the last finished epoch.",
                    ) from error
                yield view


_held: Views


def _hold(views: Views) -> None:
    global _held
    _held = views
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _view(epoch: int) -> tuple[np.ndarray, np.ndarray]:
    return _held.of(epoch)
