"""Turns image files into a model's input, in the same way for predictions and for display."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dashboard.core.images.decoding import MAX_PIXELS, DecodedImage, decode_image
from dashboard.core.images.preprocessing import Preprocessing, fit_image, size_in_words

SHRINK_MARGIN = 4  # a JPEG may be decoded smaller, down to this many times the size of the model's input
_LEAST_UNSEEN = 0.01  # share of a cropped picture from which it is told
_STRETCHED = 3  # ratio of the scales of both sides from which a picture is called squeezed
_SMALL = 0.5  # share of a side of the model input up to which a picture is called small
_EVEN = 8  # difference of a channel's brightest and darkest pixel up to which a picture counts as one colour
_FEW_COLOURS = 3  # more are not called few
_MOST = 0.8  # share of the pixels: of 50,000 training images of CIFAR-10, 5 have as much of so few colours
_GRID = 64  # pixels that are looked at first across and down, at least


def enough_pixels(recipe: Preprocessing) -> tuple[int, int]:
    """The smallest (width, height) to which decoding may shrink a picture that is not too large to be decoded whole."""
    if recipe.resample != "lanczos":  # it takes single pixels, and those of a picture that was shrunk are others
        return (MAX_PIXELS, MAX_PIXELS)
    return (recipe.width * SHRINK_MARGIN, recipe.height * SHRINK_MARGIN)


def read_model_input(data: bytes, recipe: Preprocessing) -> np.ndarray:
    """Decodes an image file and fits it to the model: (height, width, 3) uint8 RGB, not scaled. Raises ImageError."""
    return fit_image(decode_image(data, enough_pixels(recipe)).pixels, recipe)


def decode_with_notes(data: bytes, recipe: Preprocessing) -> DecodedImage:
    """Decodes an image file for the model, with notes on all that is to be told beside its answer. Raises ImageError."""
    image = decode_image(data, enough_pixels(recipe))
    return replace(image, notes=(*cautions(image, recipe), *image.notes, *notes_on_shape(image, recipe)))


def cautions(image: DecodedImage, recipe: Preprocessing) -> tuple[str, ...]:
    """Why the answer about a picture may be wrong more often than others, in sentences.

    It has far fewer pixels than the model's input, hardly more than one colour, or is mostly of very few colours, as
    drawings and writing are. Then the scores that tell pictures of other things do not help, because they were chosen with
    pictures that have more to see.
    """
    found = []
    width, height = image.size
    across, down = width / recipe.width, height / recipe.height
    if max(across, down) <= 1 and min(across, down) <= _SMALL:
        seen = size_in_words(recipe.height, recipe.width)
        found.append(
            f"The picture has only {size_in_words(height, width)}, fewer than the model's input of {seen}: the answer is less "
            "reliable than usual."
        )
    steps = (max(1, side // _GRID) for side in image.pixels.shape[:2])
    some = image.pixels[:: next(steps), :: next(steps)].reshape(-1, 3)  # to look at millions takes half a second
    if all(np.ptp(part, axis=0).max() <= _EVEN for part in (some, image.pixels.reshape(-1, 3))):
        found.append("The picture is of one colour, or nearly so: there is hardly anything on it to recognise.")
    elif recipe.color != "grayscale" and _share_of_few_colours(some) >= _MOST:
        found.append(
            f"Most of the picture is of {_FEW_COLOURS} colours or fewer. If the model was trained on photographs, the "
            "answer is less reliable than usual."
        )
    return tuple(found)


def notes_on_shape(image: DecodedImage, recipe: Preprocessing) -> Iterator[str]:
    """What was done to a picture of another shape than the model's input, in sentences."""
    width, height = image.size
    across, down = width / recipe.width, height / recipe.height
    unseen = 1 - min(across, down) / max(across, down)
    if recipe.fit == "center-crop" and unseen >= _LEAST_UNSEEN:
        share = f"{min(unseen, 0.99):.0%}"  # something is seen
        yield f"To fit the model, the picture was cropped to its centre: {share} of it is not seen."
    if max(across, down) >= _STRETCHED * min(across, down) and recipe.fit == "stretch":
        longer, shorter = ("width", "height") if across > down else ("height", "width")
        yield (
            f"To fit the model, the {longer} of the picture was reduced {max(across, down) / min(across, down):,.0f} times more "
            f"than its {shorter}. It may be recognised better if it is cropped or padded instead, which the sidebar and `--fit` offer."
        )


def _share_of_few_colours(pixels: np.ndarray) -> float:
    """The share of pixels (N, 3) that have exactly one of the few commonest colours.

    In a drawing, smooth edges and the traces of JPEG have other colours, but its areas have one each. In a photograph not
    even a clear sky has, because of its gradient and the noise.
    """
    red, green, blue = pixels.T.astype(np.uint32)
    _, counts = np.unique(red << 16 | green << 8 | blue, return_counts=True)
    return float(np.sort(counts)[-_FEW_COLOURS:].sum() / len(pixels))
