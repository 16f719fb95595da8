"""What every check is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # else the checks of the packages would import NumPy to ask about it
    from dashboard.core.engine.contract import Engine
    from dashboard.core.models.inference import Inference
    from dashboard.core.models.registry import Registry
    from dashboard.core.settings import Settings


@dataclass(frozen=True)
class CheckContext:
    """The parts of the dashboard that checks look at, and what is known so far."""

    settings: Settings
    registry: Registry
    inference: Inference
    engine: Engine
    on_progress: Callable[[str], None] = lambda doing: None  # called with what is being done, plain text
    tensorflow_works: bool = True  # False after its checks have failed: what needs it is skipped then
