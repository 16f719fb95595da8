"""What an evaluation is told before it begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.registry import ModelVersion
from dashboard.core.run_plan import plan_run
from tests.conftest import MakeZip


def test_a_labels_file_that_cannot_be_used_is_named(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    path = make_zip(
        {"images": 2}, extra={"metadata.csv": b"file_name,breed,source\nimages/0.png,pug,a\nimages/1.png,pug,b\n"}
    )
    with pytest.raises(DatasetError, match=r"metadata\.csv.*None of the labels \(images\)"):
        plan_run(path, tiny_version)


def test_ids_that_do_not_fit_are_told_how_they_count(tmp_path: Path, tiny_version: ModelVersion) -> None:
    path = tmp_path / "ids.npz"
    np.savez(path, images=np.zeros((2, 8, 8, 3), np.uint8), labels=np.array([11, 12]))
    with pytest.raises(DatasetError, match="Class ids go from 0 to 9"):
        plan_run(path, tiny_version)
