"""What this processor can do, as far as it matters for predicting."""

from __future__ import annotations

from pathlib import Path

from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import get_settings

_BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # without one of these bfloat16 is emulated, and slower
_OF_INTEREST = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def cpu_features() -> tuple[str, ...]:
    """Instruction sets that oneDNN, which TensorFlow calls, chooses its kernels by; empty where the system is no Linux."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        return ()
    return tuple(flag for flag in _OF_INTEREST if flag in flags)


def serves_in_bfloat16(version: ModelVersion) -> bool:
    """Whether predictions are computed in it here: the version allows it, the settings too, and the processor gains.

    Never on a cluster, whose nodes may differ: an evaluation has one precision.
    """
    settings = get_settings()
    return version.bfloat16 and settings.precision == "auto" and not settings.cluster and computes_bfloat16()


def computes_bfloat16() -> bool:
    """Whether it multiplies bfloat16 natively."""
    return not _BFLOAT16.isdisjoint(cpu_features())
