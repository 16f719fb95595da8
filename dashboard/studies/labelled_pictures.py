"""The labelled pictures of a dataset that a model can be measured on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dashboard.core.datasets import Dataset
from dashboard.core.errors import ImageError
from dashboard.core.images.preprocessing import fit_image
from dashboard.core.labels.matching import match_labels
from dashboard.core.models.version import ModelVersion


def in_random_order(version: ModelVersion, dataset: Dataset) -> Iterator[tuple[np.ndarray, int]]:
    """The pictures whose class the model knows, in an order that is random but always the same.

    Each is (height, width, 3) uint8 with its class id. Pictures that cannot be read are left out.
    """
    names = version.class_names
    class_of = match_labels((s.label for s in dataset.samples if s.label), names).class_of
    known = [
        (s.index, names.index(meant))
        for s in dataset.samples
        if s.label and (meant := class_of.get(s.label)) is not None
    ]
    for place in np.random.default_rng(0).permutation(len(known)):
        index, class_id = known[place]
        try:
            picture = fit_image(dataset.image(index), version.preprocessing)
        except ImageError:
            continue
        yield picture, class_id
