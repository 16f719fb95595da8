"""Turns image files into a model's input, in the same way for predictions and for display."""

from __future__ import annotations

import numpy as np

from dashboard.core.errors import counted
from dashboard.core.images.decoding import MAX_PIXELS, DecodedImage, decode_image
from dashboard.core.images.preprocessing import Preprocessing, fit_image, size_in_words

SHRINK_MARGIN = 4  # a JPEG may be decoded smaller, down to this many times the size of the model's input
_SMALL = 0.5  # share of a side of the model input up to which a picture is called small
_EVEN = 8  # difference of a channel's brightest and darkest pixel up to which a picture counts as one colour
_FEW_COLOURS = 3  # more are not called few
_LOOKED_AT_FIRST = 4096  # pixels


def enough_pixels(recipe: Preprocessing) -> tuple[int, int]:
    """The smallest (width, height) to which decoding may shrink a picture that is not too large to be decoded whole."""
    if recipe.resample != "lanczos":  # it takes single pixels, and those of a picture that was shrunk are others
        return (MAX_PIXELS, MAX_PIXELS)
    return (recipe.width * SHRINK_MARGIN, recipe.height * SHRINK_MARGIN)


def read_model_input(data: bytes, recipe: Preprocessing) -> np.ndarray:
    """Decodes an image file and fits it to the model: (height, width, 3) uint8 RGB, not scaled. Raises ImageError."""
    return fit_image(decode_image(data, enough_pixels(recipe)).pixels, recipe)


def cautions(image: DecodedImage, recipe: Preprocessing) -> tuple[str, ...]:
    """Why the answer about a picture may be wrong more often than others, in sentences.

    It has far fewer pixels than the model's input, hardly more than one colour, or very few colours. Then the scores that
    tell pictures of other things do not help, because they were chosen with pictures that have more to see.
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
    each = image.pixels.reshape(-1, 3)
    some = each[:: max(1, len(each) // _LOOKED_AT_FIRST)]  # mostly enough; to look at millions takes half a second
    if all(np.ptp(part, axis=0).max() <= _EVEN for part in (some, each)):
        found.append("The picture is of one colour, or nearly so: there is hardly anything on it to recognise.")
    elif (
        recipe.color != "grayscale"
        and _number_of_colours(some) <= _FEW_COLOURS
        and (colours := _number_of_colours(each)) <= _FEW_COLOURS
    ):
        found.append(
            f"The picture has only {counted(colours, 'colour')}. If the model was trained on photographs, the answer is less "
            "reliable than usual."
        )
    return tuple(found)


def _number_of_colours(pixels: np.ndarray) -> int:
    """How many different colours pixels (N, 3) have."""
    red, green, blue = pixels.T.astype(np.uint32)
    return len(np.unique(red << 16 | green << 8 | blue))
