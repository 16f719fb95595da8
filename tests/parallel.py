"""How `make test` spreads the tests over processes: whole files, the slowest first, so that no process waits at the end.

Every process has a worker and a TensorFlow of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/e2e/",)  # their files share a server and a browser
SLOWEST = (
    "tests/e2e/",
    "tests/worker/explanations/test_cifar10.py",
    "tests/pages/test_evaluate.py",
    "tests/core/evaluation/test_driver.py",
    "tests/pages/test_explain.py",
    "tests/cli/test_commands.py",
    "tests/cli/test_questions.py",
    "tests/test_readme.py",
    "tests/core/models/test_adding.py",
    "tests/pages/test_predict.py",
    "tests/test_without_tensorflow.py",
    "tests/test_installed.py",
    "tests/cluster/test_ray.py",
    "tests/core/engine/test_pool.py",
    "tests/core/evaluation/",
    "tests/training/",
    "tests/worker/",
    "tests/pages/",
)
NEEDS_GB = 3  # memory of a process with its workers


def _place(item: pytest.Item) -> int:
    return next((place for place, path in enumerate(SLOWEST) if item.nodeid.startswith(path)), len(SLOWEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # alone, tests run in the order of their files
        items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    memory_gb = psutil.virtual_memory().total / 2**30
    return max(1, min(psutil.cpu_count() or 1, int(memory_gb / NEEDS_GB)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)
            return shared or super()._split_scope(nodeid)

    config.option.loadscopereorder = (
        False  # keep the order: the number of tests in a file does not say how long it takes
    )
    return ByFile(config, log)
