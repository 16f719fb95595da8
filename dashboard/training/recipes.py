"""The training recipes of our own models. The recipe is stored with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

QUICK = "cifar10-resnet-short"


@dataclass(frozen=True)
class Recipe:
    """The size of a network and how it is trained.

    The training follows K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv 2404.00498):
    whitening first layer, identity-initialised convolutions, Nesterov SGD with a triangular schedule, label smoothing,
    alternating flips, translation and cutout. Added are squeeze-and-excitation (Hu et al., arXiv 1709.01507), small
    images first (Hoffer et al., arXiv 1908.08986), fewer of the easy images (Qin et al., InfoBatch, arXiv 2303.04947),
    patches of other images (CutMix, Yun et al., arXiv 1905.04899), one strong change of colour or shape
    (TrivialAugment, Müller and Hutter, arXiv 2103.10158), and, if there are teachers, distillation on exactly the
    images that the student sees (Beyer et al., arXiv 2106.05237).

    A training for robustness begins with a trained network. It shows noise (arXiv 1906.02611), AugMix's chains
    (arXiv 1912.02781), coarse sampling and JPEG compression. AugMix adds a loss that three views of an image get the
    same answer, which costs three times as much. Instead, the teachers' calibrated probabilities of the undistorted
    image are the target of every view, so that all views of an image must agree with the answer for the clean image.
    """

    name: str
    widths: tuple[int, ...]  # channels of each block; a block halves the resolution
    epochs: int
    batch_size: int = 512
    peak_lr: float = 0.5
    rise_share: float = 0.2  # share of the training in which the learning rate rises
    momentum: float = 0.9
    weight_decay: float = 0.0125  # decoupled: w -= lr * weight_decay * w
    label_smoothing: float = 0.1
    squeeze: bool = True  # squeeze-and-excitation in each residual block
    crop_padding: int = 4  # pixels
    cutout: int = 8  # side in pixels, 0 for none
    photo_share: float = 0.15  # share of an epoch's images that are shown as re-compressed photographs
    small_side: int = 24  # side in pixels of the crops at the beginning of the training
    small_share: float = 0.5  # share of the epochs that use these crops
    easy_kept: float = 0.5  # share of the images with less than the mean loss, drawn again for every epoch; 1 for all
    shown_share: float = 1.0  # share of the images that an epoch shows, drawn again for every epoch
    all_share: float = 0.15  # share of the epochs, at the end, that show every image, and none distorted
    mixed_share: float = 0.0  # share of an epoch's images that contain a patch of another image
    distorted_share: float = 0.0  # share of an epoch's images with one strong change, except in the last epochs
    chained_share: float = 0.0  # share of the images that AugMix changes; this and the next shares hold in every epoch
    resampled_share: float = 0.0  # share of the images that are sampled coarsely or compressed as JPEG at their size
    noisy_share: float = 0.0  # share of the images with Gaussian noise
    most_noise: float = 0.0  # its greatest standard deviation, where 1 is the range of a pixel
    teachers: tuple[str, ...] = ()  # NAME or NAME@VERSION of models whose probabilities the network learns
    teacher_weight: float = 0.9  # weight of the teachers in the targets; the true label has the rest
    clean_answers: bool = False  # the teachers answer once, for the undistorted images, not for what the student sees
    blended: bool = False  # the published weights may lie between those of the start and the trained ones
    most_corrupted_error: float = 0.14  # of blended weights on corrupted images, up to which the clean ones decide
    holdout: int = 2500  # training images that are held out for calibration and thresholds
    seed: int = 20

    def shows_all(self, epoch: int) -> bool:
        """True for the last epochs, which show every image, and none distorted. Epochs are counted from 0."""
        return epoch >= (1 - self.all_share) * self.epochs


def shape(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `network.build`, from a recipe as it is stored with a version."""
    return {name: recipe[name] for name in ("widths", "squeeze") if name in recipe}


def trained_corruptions(recipe: Mapping[str, Any]) -> set[str]:
    """The kinds of corruption that are like something that a recipe shows; a recipe as it is stored with a version.

    AugMix's operations are like none of them.
    """
    alike = {
        "noisy_share": {"gaussian noise"},
        "resampled_share": {"pixelate", "jpeg compression"},
        "photo_share": {"jpeg compression"},
        "distorted_share": {"contrast", "brightness"},
    }
    return set().union(*(kinds for share, kinds in alike.items() if recipe.get(share)))


_TAUGHT = Recipe(
    "cifar10-resnet-patient",
    widths=(64, 160, 320),
    epochs=162,
    batch_size=1024,
    peak_lr=0.8,
    weight_decay=0.006,
    small_share=0.0,
    mixed_share=0.5,
    distorted_share=0.5,
    teachers=("cifar10-teacher", "cifar10-resnet"),
    holdout=1000,
)

_ROBUST = Recipe(
    "cifar10-resnet-robust",
    widths=(64, 160, 320),
    epochs=24,
    batch_size=256,
    peak_lr=0.03,
    easy_kept=1.0,
    shown_share=0.35,
    weight_decay=0.006,
    small_share=0.0,
    photo_share=0.0,
    all_share=0.25,
    chained_share=0.4,
    resampled_share=0.15,
    noisy_share=0.4,
    most_noise=0.15,
    teachers=("cifar10-resnet",),
    teacher_weight=0.7,
    clean_answers=True,
    blended=True,
    holdout=1000,
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("cifar10-resnet", widths=(64, 160, 320), epochs=60),
        replace(
            _TAUGHT,
            name="cifar10-teacher",
            widths=(128, 384, 512),
            epochs=110,
            weight_decay=0.01,
            label_smoothing=0.0,
            teachers=(),
        ),
        _TAUGHT,
        Recipe(
            "cifar10-small", widths=(32, 80, 192), epochs=44, cutout=0, mixed_share=0.25, teachers=("cifar10-resnet",)
        ),
        _ROBUST,
        replace(
            _ROBUST,
            epochs=40,
            peak_lr=0.05,
            noisy_share=0.25,
            name="cifar10-small-robust",
            most_corrupted_error=0.18,
            widths=(32, 80, 192),
            cutout=0,
            weight_decay=0.0125,
            holdout=2500,
        ),
        Recipe(QUICK, widths=(32, 80, 192), epochs=16, cutout=0, crop_padding=2),
    )
}
