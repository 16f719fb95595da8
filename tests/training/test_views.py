from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import numpy as np
import psutil
import pytest

from dashboard.core.errors import WorkerError
from dashboard.training.recipes import Recipe
from dashboard.training.views import Views
from tests.conftest import ROOT

RECIPE = Recipe("tiny", widths=(4,), epochs=4, crop_padding=1, cutout=2, small_side=6, mixed_share=0.5)
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
VIEWS = Views(RECIPE, IMAGES, 255 - IMAGES, np.eye(10)[np.arange(40) % 10])


def test_epochs_come_in_order_as_if_made_one_by_one() -> None:
    with closing(VIEWS.from_epoch(1)) as prepared:
        found = list(prepared)
    assert len(found) == 3 and [seen.shape[1] for seen, _ in found] == [6, 8, 8]
    for epoch, (seen, wanted) in enumerate(found, start=1):
        one_seen, one_wanted = VIEWS.of(epoch)
        assert np.array_equal(seen, one_seen) and np.array_equal(wanted, one_wanted)


def test_images_are_distorted_until_the_last_epochs() -> None:
    """With `all_share` 0.25, only the last of four epochs has no distorted images."""
    plain, distorted = (
        replace(VIEWS, recipe=replace(RECIPE, all_share=0.25, distorted_share=share)) for share in (0.0, 1.0)
    )
    same = [np.array_equal(plain.of(epoch)[0], distorted.of(epoch)[0]) for epoch in range(4)]
    assert same == [False, False, False, True]


def test_a_killed_process_is_told_with_the_way_out() -> None:
    with closing(replace(VIEWS, recipe=replace(RECIPE, epochs=99)).from_epoch(0)) as prepared:
        next(prepared)
        for process in psutil.Process().children(recursive=True):
            # an orphan of another test may have ended here, see `template._adopts_orphans`
            if process.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(process.cmdline()):
                process.kill()
        with pytest.raises(WorkerError, match=r"was killed.* It resumes after the last finished epoch"):
            list(prepared)


def test_nothing_is_left_of_a_killed_training() -> None:
    code = (
        "import sys; from tests.training.test_views import VIEWS\n"
        "if __name__ == '__main__':\n"
        "    shown = VIEWS.from_epoch(0); next(shown); print('shown', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as training:
        assert training.stdout and training.stdout.readline() == "shown\n"
        its = psutil.Process(training.pid).children(recursive=True)
        assert its
        training.kill()
        _, alive = psutil.wait_procs(its, timeout=30)
    assert not alive
