"""Creates the services that pages, command line and API use."""

from __future__ import annotations

import getpass
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.background import BackgroundTask
from dashboard.core.engine.contract import Engine
from dashboard.core.engine.engine_server import EngineServer
from dashboard.core.engine.from_settings import make_engine
from dashboard.core.engine.pool import STAGGER_S
from dashboard.core.engine.remote_engine import connect
from dashboard.core.errors import DashboardError
from dashboard.core.files import refused
from dashboard.core.images.kept_pictures import KeptPictures
from dashboard.core.models.health import ModelHealth
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings

if TYPE_CHECKING:
    from dashboard.core.access.audit import AuditLog
    from dashboard.core.access.password import Password
    from dashboard.core.access.tokens import Tokens
    from dashboard.core.analysis.embeddings import RunEmbeddings
    from dashboard.core.analysis.run_analysis import RunAnalysis
    from dashboard.core.database.database import Database
    from dashboard.core.database.write_behind import WriteBehind
    from dashboard.core.diagnostics.diagnosis import Diagnosis
    from dashboard.core.evaluation.jobs import JobRunner
    from dashboard.core.evaluation.visitors_jobs import VisitorsJobs
    from dashboard.core.feedback.feedback import Feedback
    from dashboard.core.history.answer_cache import AnswerCache
    from dashboard.core.history.answering import Answering
    from dashboard.core.history.history import History
    from dashboard.core.history.stored_explainer import StoredExplainer
    from dashboard.core.runs.store import RunStore

T = TypeVar("T")
_MAKING = threading.RLock()


def _made_once(make: Callable[[Services], T]) -> Callable[[Services], T]:
    """Calls `make` once for each Services, also when several threads ask at the same time."""

    @wraps(make)
    def made(services: Services) -> T:
        owner = services.shared or services
        with _MAKING:
            kept = vars(owner)
            if make.__name__ not in kept:
                kept[make.__name__] = make(owner)
            return kept[make.__name__]

    return made


@dataclass(frozen=True)
class Services:
    """The services of the dashboard. All threads of a process share them; `seen_by` gives what one visitor sees of them.

    Those that the first page and most commands do not need are made when they are first used, because their imports take most of the time.
    """

    settings: Settings
    engine: Engine
    registry: Registry
    health: ModelHealth
    inference: Inference
    pictures: KeptPictures
    cifar10: BackgroundTask[object]  # its download
    offer: EngineServer  # of the workers, to the command line
    visitor: Visitor = OPERATOR  # who uses them
    shared: Services | None = None  # of all visitors; None: these are they
    is_command: bool = False  # it says itself what is lost, so that the log need not
    secrets_files: tuple[str, ...] = ()  # in which Streamlit looks for the log-in; (): those of its settings
    will_resume: threading.Event = field(default_factory=threading.Event)  # set until `start` takes up evaluations

    def seen_by(self, visitor: Visitor) -> Services:
        """The same services, but only with the evaluations that the visitor may see."""
        return replace(self, visitor=visitor, shared=self.shared or self)

    @property
    def runs(self) -> RunStore:
        """The stored evaluations that the visitor may see."""
        from dashboard.core.runs.store import RunStore

        return RunStore(self.settings.runs_dir, self.visitor, self.note)

    @property
    def jobs(self) -> VisitorsJobs:
        """The evaluations under way that the visitor may see."""
        from dashboard.core.evaluation.visitors_jobs import VisitorsJobs

        return VisitorsJobs(self._runner, self.runs)

    @property
    @_made_once
    def _runner(self) -> JobRunner:
        from dashboard.core.evaluation.jobs import JobRunner

        return JobRunner(self.engine, self.runs, self.settings.chunk_size, self.settings.task_s)

    @property
    @_made_once
    def embeddings(self) -> RunEmbeddings:
        """The embeddings of the images of evaluations."""
        from dashboard.core.analysis.embeddings import RunEmbeddings

        return RunEmbeddings(self.inference, self.runs)

    @property
    @_made_once
    def analysis(self) -> RunAnalysis:
        """Findings and doubtful labels of evaluations."""
        from dashboard.core.analysis.run_analysis import RunAnalysis

        return RunAnalysis(self.engine, self.runs)

    @property
    @_made_once
    def diagnosis(self) -> Diagnosis:
        """The checks of Diagnostics."""
        from dashboard.core.diagnostics.context import Records
        from dashboard.core.diagnostics.diagnosis import Diagnosis

        def records() -> Records:
            return Records(self.database, self.history, self.answer_cache)

        return Diagnosis(
            self.settings, self.inference, self.registry, self.engine, self.health, records, self.secrets_files
        )

    @property
    @_made_once
    def database(self) -> Database:
        """History, feedback, tokens, the audit log and stored answers."""
        from dashboard.core.database.database import Database

        return Database(self.settings)

    @property
    @_made_once
    def writer(self) -> WriteBehind:
        """Writes into the database, so that nobody has to wait for it."""
        from dashboard.core.database.write_behind import WriteBehind

        # these records, stored answers and uses of tokens, can be lost; the queue of the history says that the database is
        # gone
        return WriteBehind(self.database, log_level=logging.DEBUG)

    @property
    @_made_once
    def history(self) -> History:
        """Every prediction."""
        from dashboard.core.history.history import History

        log_level = logging.DEBUG if self.is_command else logging.WARNING
        return History(self.database, lambda: self.runs, self.settings, log_level)

    @property
    @_made_once
    def feedback(self) -> Feedback:
        """What users say about predictions."""
        from dashboard.core.feedback.feedback import Feedback

        return Feedback(self.database, self.history)

    @property
    @_made_once
    def answer_cache(self) -> AnswerCache:
        """Answers that were given before."""
        from dashboard.core.history.answer_cache import AnswerCache

        return AnswerCache(self.database, self.writer, self.settings.answer_cache_mb)

    @property
    @_made_once
    def answering(self) -> Answering:
        """Predictions that are recorded, and not computed twice."""
        from dashboard.core.history.answering import Answering

        return Answering(self.inference, self.history, self.answer_cache)

    @property
    @_made_once
    def explainer(self) -> StoredExplainer:
        """Heatmaps, which are not computed twice."""
        from dashboard.core.explanations.explainer import SLOW_TASK_S
        from dashboard.core.history.stored_explainer import StoredExplainer

        return StoredExplainer(self.engine, max(SLOW_TASK_S, self.settings.task_s), lambda: self.answer_cache)

    @property
    @_made_once
    def tokens(self) -> Tokens:
        """Who may use the API."""
        from dashboard.core.access.tokens import Tokens

        return Tokens(self.database, self.writer)

    @property
    @_made_once
    def audit(self) -> AuditLog:
        """Who did what."""
        from dashboard.core.access.audit import AuditLog

        return AuditLog(self.database)

    @property
    @_made_once
    def password(self) -> Password:
        """The shared password of the pages."""
        from dashboard.core.access.password import Password

        return Password(self.settings)

    def note(self, action: str, subject: str, detail: str = "") -> None:
        """Writes an act of the visitor into the audit log. If that fails, it is a warning in the log of the server."""
        try:
            who = self.visitor
            self.audit.write(who.called or who.way_in, action, subject, detail or who.address)
        except Exception as error:
            logging.getLogger(__name__).warning("The audit log lacks %s of %s: %s", action, subject, error)

    def hold_database(self) -> None:
        """Keeps `database restore` from replacing the database while this server runs. `start` does it, too."""
        _optional("Marking the database as used", lambda: self.database.hold())

    def start(self) -> None:
        """Starts the workers, offers them to the command line, takes up interrupted evaluations and deletes old records.

        A server calls it once. Only the workers must start; what else fails is a warning in the log.
        """
        self.hold_database()
        self.engine.start()
        _optional("Offering the workers to the command line", self.offer.start)
        _optional("Tidying the folder of evaluations", lambda: self.runs.tidy())
        _optional("Resuming interrupted evaluations", lambda: self.jobs.go_on_with_interrupted(self.registry))
        self.will_resume.clear()
        _optional("Deleting old predictions", lambda: self.history.tidy())

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self, patience_s: float = 10.0) -> None:
        """Ends the workers, or leaves those of another process, and writes what waits for the database.

        Args:
            patience_s: seconds to wait for a database that cannot be used, in all.
        """
        self.offer.close()
        self.engine.close()
        until = time.monotonic() + patience_s

        def left_s() -> float:
            return max(0.0, until - time.monotonic())

        with _MAKING:
            made = vars(self)
            if "history" in made:
                self.history.close(left_s())
            if "writer" in made:
                self.writer.close(left_s())
            if "database" in made:
                self.database.close(left_s())


def open_services(settings: Settings) -> Services:
    """The services of a server, which calls `Services.start`. No worker starts before that, or before the first task."""
    services = services_of(settings, make_engine(settings, settings.workers, STAGGER_S))
    services.will_resume.set()
    return services


def open_for_command(settings: Settings, workers: int | None = None, local: bool = True) -> Services:
    """The services of a command. All workers start together, at the first task.

    Args:
        workers: number of workers; None: as in the settings.
        local: do not use the workers of a dashboard that runs on this machine with the same data folder.
    """

    def own() -> Engine:
        return make_engine(settings, workers or settings.workers, stagger_s=0)

    services = services_of(settings, (None if local else connect(settings, own)) or own())
    return replace(services, visitor=replace(OPERATOR, account=_account()), is_command=True)


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run as a user without a name
        return ""


def services_of(settings: Settings, engine: Engine) -> Services:
    """The services with this engine."""
    return Services(
        settings,
        engine,
        Registry.of(settings),
        ModelHealth(),
        Inference(engine, settings.batch_wait_ms / 1000),
        KeptPictures(),
        BackgroundTask("download", lambda task: _download_cifar10(settings, task)),
        EngineServer(engine, settings),
    )


def _optional(what: str, work: Callable[[], object]) -> None:
    """Does something without which the dashboard can serve."""
    try:
        work()
    except (DashboardError, OSError) as error:
        known = refused(error) if isinstance(error, OSError) else error
        logging.getLogger(__name__).warning("%s failed. The dashboard starts without it. %s", what, known)
    except ImportError as error:
        from dashboard.core.diagnostics.not_started import told_once  # commands do not need it

        told_once(error)
    except Exception:
        logging.getLogger(__name__).warning("%s failed. The dashboard starts without it.", what, exc_info=True)


def _download_cifar10(settings: Settings, task: BackgroundTask[object]) -> object:
    from dashboard.core.datasets import cifar10_archive

    return cifar10_archive.download(settings.downloads_dir, task.advance)
