from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.recalibration import recalibrate
from dashboard.core.evaluation.refit_preview import preview_refit
from dashboard.core.models.registry import Registry
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.rows import VIEW_COLUMNS
from tests.core.evaluation.test_recalibration import ONLY_ONE_HALF_IS_OFF, RUN, registry, stored  # noqa: F401


def test_it_shows_what_the_command_will_do(registry: Registry, tmp_path: Path) -> None:  # noqa: F811
    store = stored(tmp_path)
    preview = preview_refit(registry, store.folder(RUN).load(VIEW_COLUMNS))
    assert preview.command == f"python -m dashboard models recalibrate pets@1 --run {RUN}" and preview.reason == ""
    assert preview.of == 1000 and not preview.is_factor
    assert preview.refit == recalibrate(registry, registry.get("pets@1"), store, RUN).refit


@pytest.mark.parametrize(
    "changes, conditions, told",
    [
        ({"model": "pets@7"}, (), "pets@7"),
        ({"model_sha256": "other"}, (), "other weights"),
        ({"imported": True, "model": "pets", "model_sha256": ""}, (), "were imported"),
        ({"temperature": ONLY_ONE_HALF_IS_OFF}, (), "So no new version is offered."),
        ({}, ["file~1"], "Clear the filter"),
    ],
)
def test_without_a_command_it_says_why(
    registry: Registry,  # noqa: F811
    tmp_path: Path,
    changes: dict[str, Any],
    conditions: list[str],
    told: str,
) -> None:
    run = stored(tmp_path, **changes).folder(RUN).load(VIEW_COLUMNS, parse_filter(conditions))
    preview = preview_refit(registry, run)
    assert preview.command == "" and told in preview.reason
    assert preview.of == len(run.labelled) and preview.refit.n_fit + preview.refit.n_check == preview.of


def test_without_the_model_the_temperature_is_a_factor(registry: Registry, tmp_path: Path) -> None:  # noqa: F811
    ours = preview_refit(registry, stored(tmp_path / "a").folder(RUN).load(VIEW_COLUMNS)).refit
    preview = preview_refit(registry, stored(tmp_path / "b", imported=True).folder(RUN).load(VIEW_COLUMNS))
    theirs = preview.refit
    assert preview.is_factor
    assert theirs.temperature_before == 1 and theirs.temperature * 1.5 == pytest.approx(ours.temperature, rel=1e-3)
    assert theirs.after.nll == pytest.approx(ours.after.nll, rel=1e-4)


def test_few_images_are_refused(registry: Registry, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(DatasetError, match="There are 199 labelled images") as caught:
        preview_refit(registry, stored(tmp_path, 199).folder(RUN).load(VIEW_COLUMNS))
    assert caught.value.code == "too_few_images" and caught.value.fix
