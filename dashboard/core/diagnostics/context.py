"""What the checks use, and the steps of a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dashboard.core.diagnostics.checks import Check

if TYPE_CHECKING:  # otherwise the checks of packages would import NumPy, which may be broken
    from dashboard.core.database.database import Database
    from dashboard.core.engine.contract import Engine
    from dashboard.core.history.answer_cache import AnswerCache
    from dashboard.core.history.history import History
    from dashboard.core.models.health import ModelHealth
    from dashboard.core.models.inference import Inference
    from dashboard.core.models.registry import Registry
    from dashboard.core.settings import Settings

CLUSTER, TENSORFLOW = NEEDED = "cluster", "tensorflow"  # ids of checks; without these, nothing new can be computed


@dataclass(frozen=True)
class Records:
    """What a server keeps in its database."""

    database: Database
    history: History
    answers: AnswerCache


@dataclass(frozen=True)
class CheckContext:
    """The parts of the dashboard that checks use, and what earlier checks of this diagnosis found."""

    settings: Settings
    registry: Registry
    inference: Inference
    engine: Engine
    health: ModelHealth
    done: Mapping[str, Check] = field(default_factory=dict)  # by id
    records: Callable[[], Records] | None = None  # of a server; asked late, since it needs the database
    secrets_files: tuple[str, ...] = ()  # that a server reads; (): those of Streamlit's settings

    def failed(self, check_id: str) -> bool:
        """True if this check was made and found an error."""
        return check_id in self.done and self.done[check_id].status == "error"

    @property
    def tensorflow_works(self) -> bool:
        """False after its check failed, or that of the cluster; checks that need it are then skipped."""
        return not any(map(self.failed, NEEDED))


@dataclass(frozen=True)
class Step:
    """A check to make, or several that are made together."""

    id: str  # of its check
    group: str
    what: str  # what is checked, plain text; completes "Checking ..."
    run: Callable[[CheckContext], Iterable[Check]]
    on_worker: bool = False  # it waits for a worker process: such steps run one after another, the others beside them
    quiet: bool = False  # the report has nothing of it before it is made: there is probably nothing to check
    after: tuple[str, ...] = ()  # steps that must be done before, none of which may run on a worker
