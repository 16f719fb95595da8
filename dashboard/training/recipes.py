"""How each of our own models is trained: every choice in one place, stored with the model."""

from __future__ import annotations

from dataclasses import dataclass

QUICK = "cifar10-resnet-short"  # with 10 epochs: 92.8% in 17.5 minutes on two cores


@dataclass(frozen=True)
class Recipe:
    """A network's size and the way it is trained.

    The shape of the training follows K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv 2404.00498):
    whitening first layer, identity-initialised convolutions, Nesterov SGD with a triangular schedule, label smoothing,
    alternating flips, translation and cutout.
    """

    name: str
    widths: tuple[int, ...]  # channels of each block; a block halves the resolution
    epochs: int
    batch_size: int = 512
    peak_lr: float = 0.5
    momentum: float = 0.9
    weight_decay: float = 0.0125  # decoupled: w -= lr * weight_decay * w
    label_smoothing: float = 0.2
    crop_padding: int = 4  # pixels
    cutout: int = 8  # side in pixels, 0 for none
    photo_share: float = 0.15  # of the images of an epoch seen as re-compressed photographs
    holdout: int = 2500  # training images kept aside for choices: calibration, thresholds
    seed: int = 20


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("cifar10-resnet", widths=(64, 160, 320), epochs=36),
        Recipe(QUICK, widths=(64, 128, 256), epochs=8, cutout=0, crop_padding=2),
        Recipe("cifar10-small", widths=(32, 96, 192), epochs=60),
    )
}
