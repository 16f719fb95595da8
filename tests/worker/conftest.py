from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def fixed() -> Iterator[None]:
    """The same weights in each run, and float32 again afterwards."""
    import keras

    keras.utils.set_random_seed(3)
    yield
    keras.config.set_dtype_policy("float32")
