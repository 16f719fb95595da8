"""The JavaScript that draws charts in a browser: Vega, Vega-Lite and Vega-Embed in one text, without a network."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache

from dashboard.core.errors import DependencyError

_PROGRAM = """
import sys
from altair.utils._importers import import_vl_convert, vl_version_for_vl_convert
text = import_vl_convert().javascript_bundle(vl_version=vl_version_for_vl_convert())
sys.stdout.buffer.write(text.encode())
"""
_PATIENCE_S = 120


@lru_cache(maxsize=1)
def chart_library() -> str:
    """The text of the script, about 0.9 MB, which defines `vegaEmbed`. Takes 3 seconds the first time.

    It is made in a process of its own, because the package that holds it keeps 120 MB of memory.

    Raises:
        DependencyError: the package vl-convert-python is missing or does not work.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], capture_output=True, check=True, timeout=_PATIENCE_S
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        told = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise DependencyError(
            f"The charts of the report cannot be made: {told or error}.",
            "Install vl-convert-python, or write the report as Markdown (--out report.md).",
        ) from error
    return done.stdout.decode()
