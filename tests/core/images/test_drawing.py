"""Pictures as pages show them."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.images.drawing import GRAY, with_edge


@pytest.mark.parametrize(("level", "dark", "framed"), [(255, False, True), (255, True, False), (0, True, True), (0, False, False),
                                                       (128, True, False), (128, False, False)])  # fmt: skip
def test_a_frame_only_where_the_edge_would_be_lost(level: int, dark: bool, framed: bool) -> None:
    picture = np.full((64, 48, 3), level, np.uint8)
    shown = with_edge(picture, dark)
    assert shown.shape == picture.shape and (picture == level).all()
    assert (shown[0] == GRAY).all() == framed == (shown[:, -1] == GRAY).all()
    assert np.array_equal(shown[1:-1, 1:-1], picture[1:-1, 1:-1])


def test_one_white_side_is_enough() -> None:
    sky = np.full((64, 64, 3), 100, np.uint8)
    sky[:3] = 250
    assert (with_edge(sky, dark=False)[-1] == GRAY).all()
