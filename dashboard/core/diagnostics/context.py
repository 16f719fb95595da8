"""What each group of checks receives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # otherwise the checks of packages would import NumPy, which may be broken
    from dashboard.core.engine.contract import Engine
    from dashboard.core.models.inference import Inference
    from dashboard.core.models.registry import Registry
    from dashboard.core.settings import Settings


@dataclass(frozen=True)
class CheckContext:
    """The parts of the dashboard that checks use, and what earlier checks found."""

    settings: Settings
    registry: Registry
    inference: Inference
    engine: Engine
    on_progress: Callable[[str], None] = lambda doing: None  # is called with the current step, plain text
    tensorflow_works: bool = True  # False after its checks failed; checks that need it are then skipped
