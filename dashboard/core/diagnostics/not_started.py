"""Why a program of the dashboard cannot start: which package is missing or broken, and how to mend it."""

from __future__ import annotations

import logging
import threading

from dashboard.core.errors import DependencyError
from dashboard.core.shell import install_requirements

_TELLING = threading.Lock()
_told: dict[str, DependencyError] = {}  # by the error that led to it


def told_once(error: Exception) -> DependencyError:
    """As `why_not_started`, for a server: looked for once for each error, and told once in the log."""
    with _TELLING:
        if (cause := str(error)) not in _told:
            fault = why_not_started(error)
            if str(fault) not in map(str, _told.values()):
                logging.getLogger(__name__).error("%s", fault)
            _told[cause] = fault
        return DependencyError(_told[cause].message, _told[cause].fix)


def why_not_started(error: Exception) -> DependencyError:
    """What is wrong with the packages, and how to mend it, because importing them raised `error`. Takes seconds.

    Raises `error` if all packages are sound and it is not an ImportError: then the fault is not theirs.
    """
    try:
        # not at the top: a package that it needs may be the missing one
        from dashboard.core.diagnostics.package_checks import check_all

        faults = [check for check in check_all() if check.status == "error"]
    except ImportError:
        faults = []
    if not faults and not isinstance(error, ImportError):
        raise error
    what = [f"{check.summary.removesuffix('.')}." for check in faults]
    fixes = dict.fromkeys(check.fix for check in faults) or [f"Run `{install_requirements('--force-reinstall')}`."]
    return DependencyError(" ".join(what) or f"A package cannot be imported: {error}.", "\n".join(fixes))
