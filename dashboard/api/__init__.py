"""The HTTP API: under /api/v1, and the Open Inference Protocol under /v2.

`uvicorn dashboard.api:app` serves it alone; app.py serves it beside the pages, with the same workers.
"""

from __future__ import annotations

from dashboard.api.lazy import LazyApp
from dashboard.core.settings import get_settings


def _alone() -> object:
    from dashboard.api.serving import alone

    return alone(get_settings())


app = LazyApp(_alone)
