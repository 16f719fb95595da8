from __future__ import annotations

import numpy as np

from dashboard.core.images.preprocessing import Preprocessing
from dashboard.training.strangers import strangers


def test_each_kind_has_many_different_pictures() -> None:
    sets = strangers(Preprocessing(16, 24), 12, seed=1)
    assert len(sets) >= 3
    for images in sets.values():
        assert images.shape == (12, 16, 24, 3) and images.dtype == np.uint8
        assert len({image.tobytes() for image in images}) == 12 and images.std() > 10
    again = strangers(Preprocessing(16, 24), 12, seed=1)
    assert all(np.array_equal(sets[name], again[name]) for name in sets)
    assert not np.array_equal(sets["textures"], strangers(Preprocessing(16, 24), 12, seed=2)["textures"])
