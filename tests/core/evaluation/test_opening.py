"""Messages before an evaluation begins, and the opening of runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.errors import DatasetError, ModelError
from dashboard.core.evaluation import opening
from dashboard.core.evaluation.opening import OpenRun, begin_run, take_up_run, version_of_run, why_not_resumed
from dashboard.core.evaluation.plan import plan_run, run_key
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.labels.class_names import LEAVE_OUT
from dashboard.core.metrics.evaluation import evaluate_labels
from dashboard.core.metrics.intervals import proportion
from dashboard.core.models import precision
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.conftest import MakeZip, encoded, picture


def stopped(store: RunStore, path: Path, version: ModelVersion) -> RunManifest:
    """The manifest of an unfinished run with the id "run" that no process works on."""
    begun = begin_run(plan_run(path, version), store, 1, "run")
    begun.owner.release()
    return begun.manifest


def test_a_run_keeps_the_accuracy_that_the_version_records(
    store: RunStore, tiny_version: ModelVersion, make_zip: MakeZip
) -> None:
    metrics = {"accuracy": 0.95, "accuracy_ci95": [0.94, 0.96], "n": 2000}
    stopped(store, make_zip({"cat": 2}), replace(tiny_version, metrics=metrics))
    assert store.folder("run").manifest().recorded_accuracy == proportion(1900, 2000)


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


def test_ids_of_which_some_do_not_fit_are_counted_and_can_be_left_out(
    tmp_path: Path, tiny_version: ModelVersion
) -> None:
    path = tmp_path / "ids.npz"
    np.savez(path, images=np.zeros((20, 8, 8, 3), np.uint8), labels=np.arange(20))
    with pytest.raises(
        DatasetError, match=r"10 of the 20 labels \(10, 11, .*\) are not class ids of tiny@1"
    ) as refused:
        plan_run(path, tiny_version)
    assert "Class ids go from 0 to 9." in refused.value.message
    assert "leave out the rest with --labels-from 0 and --map '*='." in refused.value.fix
    np.savez(tmp_path / "from_1.npz", images=np.zeros((20, 8, 8, 3), np.uint8), labels=np.arange(1, 21))
    with pytest.raises(DatasetError, match=r"10 of the 20 labels \(11, 12, ") as refused:
        plan_run(tmp_path / "from_1.npz", tiny_version)
    assert "with --labels-from and --map" in refused.value.fix
    with pytest.raises(DatasetError, match="10 of the 20 labels"):  # without --labels-from, they may be other numbers
        plan_run(path, tiny_version, {"*": LEAVE_OUT})
    mapping = plan_run(path, tiny_version, {"*": LEAVE_OUT}, 0).mapping
    assert mapping.class_of == {str(n): name for n, name in enumerate(tiny_version.class_names)}
    assert sorted(mapping.left_out, key=int) == [str(n) for n in range(10, 20)]


def test_accents_that_are_stored_in_two_ways_are_one_question(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    path = make_zip({"chaper\u00f3n": 1, "chapero\u0301n": 2, "dog": 1})
    with pytest.raises(DatasetError, match=r"1 label is not a class .*: chaper\u00f3n \(3 images\)"):
        plan_run(path, tiny_version)
    plan = plan_run(path, tiny_version, {"chapero\u0301n": "cat"})
    assert plan.mapping.class_of == {"chaper\u00f3n": "cat", "dog": "dog"}


def test_a_label_that_looks_like_a_class_is_asked_with_the_reason(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    with pytest.raises(DatasetError, match="CATS is not read as cat, because the dataset also has the label Cat"):
        plan_run(make_zip({"Cat": 1, "CATS": 1}), tiny_version)
    with pytest.raises(DatasetError, match=r"None of the labels .* CYRILLIC SMALL LETTER O"):
        plan_run(make_zip({"d\u043eg": 1}), tiny_version)


def test_a_run_keeps_how_its_pictures_were_made_to_fit(
    store: RunStore, make_zip: MakeZip, tiny_registry: Registry, tiny_version: ModelVersion
) -> None:
    """A resumed run and later maps use the fit that was chosen for the run, so they see the same pixels."""
    manifest = stopped(store, make_zip({"cat": 2}), tiny_version.fitting("pad"))
    assert version_of_run(tiny_registry, manifest).preprocessing.fit == "pad"
    assert manifest.resample == tiny_version.preprocessing.resample
    taken_up = take_up_run("run", store, tiny_registry)
    assert isinstance(taken_up, OpenRun) and taken_up.version.preprocessing.fit == "pad"
    taken_up.owner.release()


def test_only_the_very_model_that_made_a_run_will_do(
    store: RunStore, make_zip: MakeZip, tiny_registry: Registry, tiny_version: ModelVersion
) -> None:
    manifest = stopped(store, make_zip({"cat": 2}), tiny_version)
    assert version_of_run(tiny_registry, manifest) == tiny_version
    with pytest.raises(ModelError, match="The file of tiny@1 was changed"):
        version_of_run(tiny_registry, replace(manifest, model_sha256="0" * 64))


def test_metrics_of_the_rows_so_far_go_when_a_run_goes_on(
    store: RunStore, make_zip: MakeZip, tiny_registry: Registry, tiny_version: ModelVersion
) -> None:
    stopped(store, make_zip({"cat": 2}), tiny_version)
    store.folder("run").beside.keep_evaluation(
        evaluate_labels(np.array([0]), np.array([1]), tiny_version.class_names, np.ones(1))
    )
    assert store.folder("run").beside.evaluation_file.exists()
    taken_up = take_up_run("run", store, tiny_registry)
    assert isinstance(taken_up, OpenRun) and not store.folder("run").beside.evaluation_file.exists()
    taken_up.owner.release()


def test_an_import_that_was_interrupted_is_no_evaluation_to_go_on_with(
    store: RunStore, make_zip: MakeZip, tiny_registry: Registry, tiny_version: ModelVersion
) -> None:
    store.folder("run").save(replace(stopped(store, make_zip({"cat": 2}), tiny_version), imported=True, key=""))
    with pytest.raises(DatasetError, match=r"import of images\.zip was interrupted") as caught:
        take_up_run("run", store, tiny_registry)
    assert caught.value.fix


def test_why_a_run_cannot_be_resumed_is_known_without_reading_its_dataset(
    store: RunStore, make_zip: MakeZip, tiny_registry: Registry, tiny_version: ModelVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = make_zip({"cat": 2})
    manifest = stopped(store, path, tiny_version)
    assert why_not_resumed(manifest, tiny_registry) is None
    for other, code in (
        (replace(manifest, model="tiny@9"), "model_unknown"), (replace(manifest, label_map=()), "model_changed"),
        (replace(manifest, imported=True), "import_interrupted"), (replace(manifest, key=""), "dataset_changed"),
        (replace(manifest, dataset=str(path.with_name("gone.zip"))), "not_found"),
    ):  # fmt: skip
        told = why_not_resumed(other, tiny_registry)
        assert told and told.code == code and told.fix
    path.write_bytes(make_zip({"cat": 3}, name="other.zip").read_bytes())
    with pytest.raises(DatasetError) as refused:
        take_up_run("run", store, tiny_registry)
    monkeypatch.setattr(opening, "dataset_of", lambda _: pytest.fail("the dataset was read"))
    told = why_not_resumed(store.folder("run").manifest(), tiny_registry)
    assert str(told) == str(refused.value) and "was changed before its evaluation was finished" in str(told)


def test_a_note_beside_the_images_is_no_label_and_no_sample(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    extra = {"notes/todo.txt": b"x", "cat\\": b"", "top.png": encoded(picture(0))}
    plan = plan_run(make_zip({"cat": 1}, extra=extra), tiny_version)
    assert plan.mapping.class_of == {"cat": "cat"} and plan.mapping.unknown == ()
    assert [s.name for s in plan.dataset.samples] == ["cat/0.png", "top.png"]


def test_a_folder_behind_a_link_is_looked_at(tmp_path: Path, make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    (tmp_path / "real" / "cat").mkdir(parents=True)
    (tmp_path / "real" / "cat" / "1.png").write_bytes(encoded(picture(1)))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    before = plan_run(tmp_path / "link", tiny_version)
    (tmp_path / "real" / "top.png").write_bytes(encoded(picture(2)))
    after = plan_run(tmp_path / "link", tiny_version)
    assert (len(before.dataset.samples), len(after.dataset.samples)) == (1, 2) and before.key != after.key


@pytest.mark.parametrize("allowed", [True, False])
def test_answers_in_another_precision_are_other_answers(
    make_zip: MakeZip, tiny_version: ModelVersion, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    path, version = make_zip({"cat": 1}), replace(tiny_version, bfloat16=allowed)
    monkeypatch.setattr(precision, "computes_bfloat16", lambda: True)
    fast = plan_run(path, version)
    for exact in (Settings(precision="float32"), Settings(cluster="auto")):  # nodes of a cluster may have other CPUs
        monkeypatch.setattr(precision, "get_settings", lambda settings=exact: settings)
        assert (plan_run(path, version).key != fast.key) is allowed


def test_keys_of_stored_runs_stay_what_they_were() -> None:
    """If the key changed, no run of an earlier release would be found again."""
    recipe = Preprocessing(24, 32, "pad", "grayscale", 1 / 127.5, (1.0,), (0.5,))
    version = ModelVersion("pets", "3", Path("x"), ("cat", "dog"), recipe, "logits", "ab" * 32, 1.25)
    key = run_key("0" * 64, version, {"kitten": "cat"})
    assert key == "89890313e388e141a4aba880e624447620887e61f46b2a752cd1a2a3ce4e77c0"
    other = replace(version, preprocessing=replace(recipe, resample="bilinear"))
    assert run_key("0" * 64, other, {"kitten": "cat"}) != key
