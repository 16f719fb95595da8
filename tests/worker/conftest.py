from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def fixed() -> Iterator[None]:
    """Gives the same weights in each test run, and resets the precision to float32 afterwards."""
    import keras

    keras.utils.set_random_seed(3)
    yield
    keras.config.set_dtype_policy("float32")
