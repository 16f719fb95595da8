"""Turns a decoded image into the input numbers of a model version, by the preprocessing of that version."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, get_args

import numpy as np
from PIL import Image
from pydantic import ConfigDict, Field

from dashboard.core.errors import ModelError

Fit = Literal["stretch", "center-crop", "pad"]
FIT_NAMES: dict[Fit, str] = {"stretch": "Stretch", "center-crop": "Crop the centre", "pad": "Pad with black"}
Resample = Literal["lanczos", "bilinear", "nearest"]
RESAMPLE_NAMES: dict[Resample, str] = {
    "lanczos": "Lanczos, antialiased", "bilinear": "Bilinear, not antialiased", "nearest": "Nearest pixels",
}  # fmt: skip
ColorMode = Literal["rgb", "bgr", "grayscale"]
Side = Annotated[int, Field(strict=True)]  # in pixels; strict: text is not converted to a number


@dataclass(frozen=True)
class Scaling:
    """How pixels become numbers: (pixel * scale - mean) / std."""

    scale: float
    mean: tuple[float, ...] = (0.0,)  # one value, or one per channel in the order of the model's channels
    std: tuple[float, ...] = (1.0,)
    color: ColorMode | None = None  # the order of channels that belongs to it; None: any
    meaning: str = ""  # for people who choose one


# By name, the most usual first. The last three are "tf", "torch" and "caffe" of keras.applications.
SCALINGS: dict[str, Scaling] = {
    "1/255": Scaling(1 / 255, meaning="numbers from 0 to 1: each pixel divided by 255"),
    "raw": Scaling(1.0, meaning="numbers from 0 to 255: pixels as they are"),
    "-1..1": Scaling(
        1 / 127.5, (1.0,), meaning='numbers from -1 to 1, as Teachable Machine and MobileNet use; "tf" in keras.applications'
    ),
    "imagenet": Scaling(
        1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225),
        meaning='divided by 255, then minus ImageNet\'s mean and divided by its deviation, as in PyTorch; "torch" in keras.applications',
    ),
    "caffe": Scaling(
        1.0, (103.939, 116.779, 123.68), color="bgr",
        meaning="from 0 to 255 with the colours in the order blue, green, red, minus ImageNet's mean, as VGG16 and ResNet50 use",
    ),
}  # fmt: skip
OTHER_NAMES = {"torch": "imagenet", "tf": "-1..1"}  # as keras.applications calls them


_GRAY = np.array([[0.299], [0.587], [0.114]], np.float32)  # ITU-R 601, as Pillow's "L"


def size_in_words(height: int, width: int) -> str:
    """`32x32 pixels`, or `64x96 pixels (height x width)` where the order matters."""
    return f"{height}x{width} pixels" + (" (height x width)" if height != width else "")


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a model's input: fit to height x width, then (pixel * scale - mean) / std.

    Images of another size are resized by `resample`: with Pillow's Lanczos filter, antialiased; bilinearly without
    antialiasing, as Keras' `image_dataset_from_directory` does; or with the nearest pixels, as `load_img` does.
    """

    height: Side
    width: Side
    fit: Fit = "stretch"
    color: ColorMode = "rgb"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)  # one value, or one per channel
    std: tuple[float, ...] = (1.0,)
    resample: Resample = "lanczos"
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # an unknown field may change the meaning

    def __post_init__(self) -> None:
        if not all(isinstance(side, int) for side in (self.height, self.width)):
            raise ModelError("Height and width in the preprocessing need whole numbers.")
        if not (1 <= self.height <= 4096 and 1 <= self.width <= 4096):
            raise ModelError(f"An input of {self.height}x{self.width} pixels is outside 1-4096.")
        if self.fit not in get_args(Fit) or self.color not in get_args(ColorMode):
            raise ModelError(f"Unknown fit {self.fit!r} or color {self.color!r} in the preprocessing.")
        if self.resample not in get_args(Resample):
            raise ModelError(f"Unknown resample {self.resample!r} in the preprocessing.")
        if not all(math.isfinite(v) for v in (self.scale, *self.mean, *self.std)):
            raise ModelError("Scale, mean and std in the preprocessing need finite numbers.")
        if self.scale <= 0:
            raise ModelError("Scale in the preprocessing must be greater than 0; a negative std inverts pictures.")
        if any(len(v) not in (1, self.channels) for v in (self.mean, self.std)) or 0 in self.std:
            raise ModelError("Mean and std need one value, or one per channel, and std may not be 0.")

    @property
    def channels(self) -> int:
        """Number of channels of the model's input."""
        return 1 if self.color == "grayscale" else 3

    @property
    def scaling_name(self) -> str:
        """The name in SCALINGS, or 'custom'."""
        for name, known in SCALINGS.items():
            if (known.scale, known.mean, known.std) == (self.scale, self.mean, self.std):
                return name if known.color in (None, self.color) else "custom"
        return "custom"

    def as_record(self) -> dict[str, Any]:
        """The fields. Lanczos is left out: earlier builds have no other filter, and refuse the name."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("resample", "lanczos")}

    def for_size_of(self, images: np.ndarray) -> Preprocessing:
        """The same preprocessing with the height and width of these images (N, H, W, 3)."""
        return replace(self, height=images.shape[1], width=images.shape[2])


def fit_image(image: np.ndarray, recipe: Preprocessing) -> np.ndarray:
    """Fits one image to the model's input size. The result is what the model sees, before scaling.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (recipe.height, recipe.width, 3) uint8 RGB.
    """
    target = (recipe.width, recipe.height)
    height, width = image.shape[:2]
    if (width, height) == target:
        return image
    if recipe.fit == "stretch":
        return _resized(image, target, (width, height), recipe.resample)
    if recipe.fit == "center-crop":
        part = (min(width, height * recipe.width / recipe.height), min(height, width * recipe.height / recipe.width))
        return _resized(image, target, part, recipe.resample)
    ratio = max(width / recipe.width, height / recipe.height)
    inner = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    canvas = np.zeros((recipe.height, recipe.width, 3), np.uint8)
    top, left = (recipe.height - inner[1]) // 2, (recipe.width - inner[0]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = _resized(image, inner, (width, height), recipe.resample)
    return canvas


def _resized(image: np.ndarray, size: tuple[int, int], part: tuple[float, float], resample: Resample) -> np.ndarray:
    """Resizes the part of an image (H, W, 3) uint8 around its centre. Sizes and parts are (width, height) in pixels.

    Pillow's Lanczos filter is antialiased when it shrinks (support grows with the ratio). Far larger images are first
    averaged over blocks of pixels, to at least three times the size (`reducing_gap`).
    """
    height, width = image.shape[:2]
    w, h = part
    if resample == "bilinear":
        import cv2  # see `core.images.properties`

        columns, rows = max(1, int(w)), max(1, int(h))  # Keras crops whole pixels, too
        left, top = (width - columns) // 2, (height - rows) // 2
        return cv2.resize(image[top : top + rows, left : left + columns], size, interpolation=cv2.INTER_LINEAR)
    how = Image.Resampling.NEAREST if resample == "nearest" else Image.Resampling.LANCZOS
    box = ((width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2)
    return np.asarray(Image.fromarray(image).resize(size, how, box, reducing_gap=3.0))


def as_seen(image: np.ndarray, recipe: Preprocessing) -> np.ndarray:
    """An image (H, W, 3) uint8 RGB in the colours that the model gets: gray if it takes gray pictures."""
    if recipe.color != "grayscale":
        return image
    return np.repeat(np.rint(image @ _GRAY).astype(np.uint8), 3, axis=2)


def normalize(images: np.ndarray, recipe: Preprocessing) -> np.ndarray:
    """Scales images to the model's input numbers.

    Args:
        images: (N, height, width, 3) uint8 RGB, as `fit_image` gives them.

    Returns:
        (N, height, width, channels) float32.
    """
    if images.ndim != 4 or images.shape[1:] != (recipe.height, recipe.width, 3) or images.dtype != np.uint8:
        raise ValueError(f"expected uint8 (N, {recipe.height}, {recipe.width}, 3), got {images.dtype} {images.shape}")
    values = images.astype(np.float32)
    if recipe.color == "grayscale":
        values = values @ _GRAY
    elif recipe.color == "bgr":
        values = values[..., ::-1]
    values *= np.float32(recipe.scale)  # in place: copies cost more than the arithmetic
    values -= np.asarray(recipe.mean, np.float32)
    values /= np.asarray(recipe.std, np.float32)
    return values
