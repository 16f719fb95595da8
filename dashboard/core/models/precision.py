"""Which precision this processor can predict in."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import get_settings

_BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # without one of these, bfloat16 is emulated and slower
_OF_INTEREST = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


@lru_cache
def cpu_features() -> tuple[str, ...]:
    """The CPU's instruction sets by which oneDNN (in TensorFlow) chooses its kernels; empty if not on Linux."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        return ()
    return tuple(flag for flag in _OF_INTEREST if flag in flags)


def serves_in_bfloat16(version: ModelVersion) -> bool:
    """True if predictions are computed in bfloat16: the version and the settings allow it, and it is faster here.

    Always False on a cluster: its nodes may differ, but an evaluation needs one precision.
    """
    settings = get_settings()
    return version.bfloat16 and settings.precision == "auto" and not settings.cluster and computes_bfloat16()


def precision_of(version: ModelVersion) -> str:
    """The precision of the predictions of this version: "bfloat16" or "float32"."""
    return "bfloat16" if serves_in_bfloat16(version) else "float32"


def computes_bfloat16() -> bool:
    """True if the processor multiplies bfloat16 natively."""
    return not _BFLOAT16.isdisjoint(cpu_features())
