from __future__ import annotations

import pytest

from dashboard.ui.predict.picture_choice import _has_camera


@pytest.mark.parametrize(
    ("url", "has_camera"),
    [
        ("https://photos.example/predict", True),
        ("http://localhost:8501/", True),
        ("http://127.0.0.1:8501/?picture=1", True),
        ("http://[::1]:8501/", True),
        ("http://192.0.2.2:8501/", False),
        ("http://photos.example/", False),
        ("", True),  # not known
    ],
)
def test_where_browsers_give_a_page_the_camera(url: str, has_camera: bool) -> None:
    assert _has_camera(url) is has_camera
