"""What `python -m dashboard explain` does when something fails, and the names of the files that it writes."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dashboard.cli.app import app
from dashboard.cli.explain import _files_in
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DashboardError, ModelError, WorkerError
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.history.stored_explainer import StoredExplainer
from dashboard.core.models.adding import NewModel, add_model
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.services import services_of
from tests.conftest import encoded, picture
from tests.small_disk import fill
from tests.small_model import forked, saved


@pytest.mark.parametrize(
    "images, names",
    [
        (["a.png", "b.png"], ["a", "b"]),
        (["x/a.png", "y/a.png", "z/a.jpg"], ["a", "a-2", "a-3"]),
        (["x/a.png", "y/a.png", "a-2.png"], ["a", "a-3", "a-2"]),
        (["a-2.png", "x/a.png", "y/a.png", "z/a.png"], ["a-2", "a", "a-3", "a-4"]),
        (["a.png", "a.png"], ["a"]),
    ],
)
def test_no_two_images_have_one_name(images: list[str], names: list[str]) -> None:
    found = _files_in(Path("out"), [Path(image) for image in images])
    stems = [files.stem.name for files in found.values()]
    assert stems == names and len(set(stems)) == len(found)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{n}.png" for n in range(4)]
    for seed, path in enumerate(found):
        path.write_bytes(encoded(picture(seed)))
    return found


@pytest.fixture
def with_tiny_model(tmp_path: Path, tiny_registry: Registry, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path / "data", models_dir=tiny_registry.root, model="tiny@1")
    opened = services_of(settings, pool)
    monkeypatch.setattr("dashboard.cli.explain.services", lambda local: nullcontext(opened))


def explained(*arguments: object) -> tuple[int, list[Any]]:
    done = CliRunner().invoke(app, ["explain", "--json", *map(str, arguments)])
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.usefixtures("with_tiny_model")
def test_notes_on_a_picture_are_in_the_json_and_beside_the_answer(tmp_path: Path) -> None:
    wide, usual = tmp_path / "wide.png", tmp_path / "usual.png"
    wide.write_bytes(encoded(picture(1, 192, 32)))
    usual.write_bytes(encoded(picture(1)))
    _, answers = explained(wide, usual)
    assert "reduced 6 times more" in answers[0]["notes"][0] and answers[1]["notes"] == []
    for out in ("map.png", "maps"):
        done = CliRunner().invoke(app, ["explain", str(wide), "--out", str(tmp_path / out)])
        assert f"{wide}: {answers[0]['notes'][0]}" in " ".join(done.stderr.split()) and "reduced" not in done.stdout


def codes(answers: list[Any]) -> list[str]:
    return [answer["error"]["code"] if "error" in answer else "" for answer in answers]


@pytest.mark.usefixtures("with_tiny_model")
def test_an_image_that_cannot_be_explained_does_not_spoil_the_others(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[DashboardError | None] = [
        ModelError("The map is not finite.", "Choose occlusion.", "map_not_finite"), None,
        WorkerError("No worker can be started.", "Look at Diagnostics.", "worker_unavailable"), None,
    ]  # fmt: skip
    by_file = {path.read_bytes(): error for path, error in zip(pictures, errors, strict=True)}
    explain_all = StoredExplainer.explain_all

    def raising(own: StoredExplainer, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        if error := by_file[file]:
            raise error
        return explain_all(own, version, file, request)

    monkeypatch.setattr(StoredExplainer, "explain_all", raising)
    status, answers = explained(*pictures, "--out", tmp_path / "maps")
    assert status == 1 and [answer["file"] for answer in answers] == [*map(str, pictures)]
    assert codes(answers) == ["map_not_finite", "", "worker_unavailable", "worker_unavailable"]


@pytest.mark.usefixtures("with_tiny_model")
def test_a_folder_that_cannot_be_made_is_told_for_every_image(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "maps"
    status, answers = explained(*pictures[:2], "--out", out)
    assert status == 1 and codes(answers) == ["system"] * 2
    assert str(out) in answers[0]["error"]["message"] and answers[0]["error"]["fix"]


@pytest.mark.usefixtures("with_tiny_model")
def test_a_file_that_cannot_be_written_does_not_spoil_the_others(pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "maps" / "1-grad-cam.png").mkdir(parents=True)  # in the place of an overlay
    status, answers = explained(*pictures[:3], "--out", tmp_path / "maps")
    assert status == 1 and codes(answers) == ["", "system", ""]
    alone = explained(pictures[0], "--out", tmp_path / "nowhere" / "map.png")
    assert alone[0] == 1 and codes(alone[1]) == ["system"]


@pytest.mark.usefixtures("with_tiny_model")
def test_a_full_disk_leaves_no_part_of_a_file(pictures: list[Path], small_disk: Path) -> None:
    (small_disk / "maps").mkdir()
    fill(small_disk, leave=0)
    status, [answer] = explained(pictures[0], "--out", small_disk / "maps" / "map.png")
    assert status == 1 and "No space left" in answer["error"]["message"]
    assert not [*(small_disk / "maps").iterdir()]


@pytest.mark.usefixtures("with_tiny_model")
def test_without_out_no_file_is_overwritten_and_json_writes_none(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    (place / "overlay.png").write_text("mine")
    status, [answer] = explained(pictures[0])
    [found] = answer["explanations"]
    assert status == 0 and (found["overlay"], found["array"]) == (None, None)
    assert [each.name for each in place.iterdir()] == ["overlay.png"]
    (place / "explanations").mkdir()
    for images in (pictures[:1], pictures[:1], pictures[:2]):
        done = CliRunner().invoke(app, ["explain", *map(str, images)])
        assert done.exit_code == 0, done.output
    assert (place / "overlay.png").read_text() == "mine" and not [*(place / "explanations").iterdir()]
    written = {each.name for each in place.iterdir()} - {"overlay.png", "explanations"}
    assert written == {"overlay-2.png", "overlay-3.png", "explanations-2"}
    assert "overlay-3.png" in CliRunner().invoke(app, ["explain", "--out", "overlay-3.png", str(pictures[0])]).stdout


@pytest.mark.usefixtures("with_tiny_model")
@pytest.mark.parametrize(
    "arguments, code", [(["--layer", "nothing"], "layer_unknown"), (["--model", "nothing"], "model_unknown")]
)
def test_a_name_that_does_not_exist_is_wrong_usage(pictures: list[Path], arguments: list[str], code: str) -> None:
    status, answers = explained(*pictures[:2], *arguments)
    assert status == 2 and codes(answers) == [code] * 2


@pytest.mark.usefixtures("with_tiny_model")
@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--method", "all", "--out", "maps.png"], "it must be a folder, but 'maps.png' has the ending of a file."),
        (["--out", "map.jpg"], "The overlay is a PNG file. End the name with .png."),
        (["--target", "nothing"], "'nothing' is not a class of tiny@1. It must be one of: "),
        (["--method", "nothing"], "It must be one of: grad-cam"),
        (["--fit", "crop"], "It must be one of: stretch, center-crop, pad."),
    ],
)
def test_a_wrong_option_is_told_in_a_sentence(pictures: list[Path], arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["explain", "--json", str(pictures[0]), *arguments])
    assert done.exit_code == 2 and said in json.loads(done.stdout)["error"]["message"]


def test_a_map_of_one_branch_says_so_once(
    pictures: list[Path], tmp_path: Path, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path / "models")
    add_model(NewModel(saved(forked(4), tmp_path / "m.keras"), "forked", tuple("abcd")), registry)
    opened = services_of(Settings(data_dir=tmp_path / "data", models_dir=registry.root, model="forked@1"), pool)
    monkeypatch.setattr("dashboard.cli.explain.services", lambda local: nullcontext(opened))
    run = CliRunner()
    done = run.invoke(app, ["explain", "--json", "--method", "layer-cam", *map(str, pictures[:2])])
    assert done.stderr.count("The network splits into branches, and maps of this layer show nothing of") == 1
    assert "ends in left: choose that layer" in done.stderr and "smooth-grad and occlusion look" in done.stderr
    for answer in json.loads(done.stdout):
        [found] = answer["explanations"]
        assert (found["layer"], found["unseen_branches"]) == ("right", ["left"])
    of_pixels = run.invoke(app, ["explain", "--json", "--method", "occlusion", str(pictures[0])])
    assert json.loads(of_pixels.stdout)[0]["explanations"][0]["unseen_branches"] == []
    assert "branches" not in of_pixels.stderr
