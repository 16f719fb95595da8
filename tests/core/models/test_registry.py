from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dashboard.core.errors import BrokenVersionError, ModelError
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.models import version as version_module
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.health import ModelHealth
from dashboard.core.models.registry import Registry, check_name
from dashboard.core.models.version import ModelVersion, how_to_activate, to_record
from dashboard.core.settings import Settings
from tests.conftest import ROOT

RECORD = {
    "class_names": ["cat", "dog"],
    "preprocessing": {"height": 8, "width": 8},
    "output": "logits",
    "sha256": "0" * 64,
}
DOUBTS = {"kept": 0.95, "max_energy": -5.0, "min_msp": 0.5, "decides": "energy"}


def add(root: Path, name: str, version: str, **changes: Any) -> Path:
    folder = root / name / version
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"weights")
    (folder / "model.json").write_text(json.dumps({**RECORD, **changes}))
    return folder


def refs(root: Path) -> list[str]:
    return [v.ref for v in Registry(root).versions()]


def test_versions_by_name_and_newest_first(tmp_path: Path) -> None:
    for name, version in (("b", "1"), ("a", "2"), ("a", "10"), ("a", "9"), ("a", "rc")):
        add(tmp_path, name, version)
    add(tmp_path, "a", ".unfinished")
    add(tmp_path, ".hidden", "1")
    (tmp_path / "link").symlink_to("x" * 300)  # the name of its target is too long
    assert refs(tmp_path) == ["a@10", "a@9", "a@2", "a@rc", "b@1"]


def test_a_version_as_it_is_read(tmp_path: Path) -> None:
    folder = add(tmp_path, "pets", "3", temperature=0.5, metrics={"accuracy": 0.9})
    version = Registry(tmp_path).get("pets@3")
    assert version == ModelVersion(
        "pets", "3", folder, ("cat", "dog"), Preprocessing(8, 8), "logits", "0" * 64, 0.5, {"accuracy": 0.9}
    )
    assert version.file == folder / "model.keras" and version.input_shape == (8, 8, 3)
    (folder / "model.json").write_text(json.dumps(to_record(version)))
    assert Registry(tmp_path).get("pets@3") == version


def test_thresholds_and_precision_survive_the_record(tmp_path: Path) -> None:
    folder = add(tmp_path, "pets", "1", familiarity=DOUBTS, bfloat16=True)
    version = Registry(tmp_path).get("pets@1")
    assert version.familiarity == Familiarity(**DOUBTS) and version.bfloat16  # type: ignore[arg-type]
    (folder / "model.json").write_text(json.dumps(to_record(version)))
    assert Registry(tmp_path).get("pets@1") == version


def test_no_version_stands_in_for_a_broken_one(tmp_path: Path) -> None:
    add(tmp_path, "zebras", "1")
    add(tmp_path, "pets", "1")
    weights = add(tmp_path, "pets", "2") / "model.keras"
    registry = Registry(tmp_path)
    assert registry.get().ref == registry.get("pets").ref == "pets@2"
    weights.unlink()
    for ref in ("pets@2", "pets", ""):
        with pytest.raises(BrokenVersionError, match=r"pets@2: model.keras is missing"):
            registry.get(ref)
    assert registry.activate("pets@1").ref == registry.get().ref == "pets@1"


@pytest.mark.parametrize("ref", ["dogs", "pets@7", "../pets@1", "pets@../1", "pets/1", "@1", "@", "pets@1@1"])
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(tmp_path: Path, ref: str) -> None:
    add(tmp_path, "pets", "1")
    with pytest.raises(ModelError) as caught:
        Registry(tmp_path).get(ref)
    assert caught.value.code == "model_unknown" and "pets@1" in caught.value.fix


def test_the_active_version(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    with pytest.raises(ModelError, match="There is no model in"):
        registry.get()
    for version in ("1", "2"):
        add(tmp_path, "pets", version)
    assert registry.get().ref == "pets@2"
    assert registry.activate("pets@1").ref == "pets@1" and registry.get().ref == "pets@1"
    assert Registry(tmp_path, default="pets@2").get().ref == "pets@2"
    with pytest.raises(ModelError):
        registry.activate("pets@9")
    assert registry.get().ref == "pets@1"


@pytest.mark.parametrize("content", ["{", '{"mo', "{}", "[]", '{"model": 3}', '{"model": ""}', '{"model": "gone"}', ""])
def test_a_choice_that_cannot_be_read_is_not_replaced_by_another(tmp_path: Path, content: str) -> None:
    add(tmp_path, "pets", "1")
    registry = Registry(tmp_path)
    (tmp_path / "active.json").write_text(content)
    with pytest.raises(ModelError, match=r"Which model is active is not known, because .*active\.json") as caught:
        registry.get()
    assert caught.value.code == "active_unknown" and "models use NAME`. Known versions: pets@1" in caught.value.fix
    assert registry.get("pets").ref == "pets@1" and registry.active_ref() == ""
    assert registry.activate("pets").ref == registry.get().ref == "pets@1"


def test_a_folder_in_place_of_the_choice_is_removed_first(tmp_path: Path) -> None:
    add(tmp_path, "pets", "1")
    (tmp_path / "active.json").mkdir()
    with pytest.raises(ModelError, match=r"active\.json cannot be read") as caught:
        Registry(tmp_path).get()
    assert caught.value.fix.startswith("Remove this folder. Choose one with `python -m dashboard models use NAME`.")
    (tmp_path / "active.json").rmdir()
    assert Registry(tmp_path).activate("pets").ref == Registry(tmp_path).get().ref == "pets@1"


def test_a_setting_that_names_no_model_is_named(tmp_path: Path) -> None:
    add(tmp_path, "pets", "1")
    with pytest.raises(ModelError, match="DASHBOARD_MODEL names 'nope'") as caught:
        Registry(tmp_path, default="nope").get()
    assert caught.value.code == "active_unknown"
    assert "Set DASHBOARD_MODEL" in caught.value.fix and "pets@1" in caught.value.fix
    with pytest.raises(ModelError, match=r"nowhere: there is no such folder") as caught:
        Registry(tmp_path / "nowhere").get()
    assert "DASHBOARD_MODELS_DIR" in caught.value.fix


def test_where_the_setting_decides_the_way_out_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_module, "get_settings", lambda: Settings(model="pets@2"))
    assert "DASHBOARD_MODEL=pets@2 says" in how_to_activate("pets@1") and "models use" not in how_to_activate("pets@1")
    assert "`export DASHBOARD_MODEL=pets@1`" in how_to_activate("pets@1")


def test_a_broken_version_names_one_that_works(tmp_path: Path) -> None:
    (add(tmp_path, "pets", "4") / "model.keras").unlink()
    digest = hashlib.sha256(b"weights").hexdigest()
    for name, version, content in (("cars", "9", b"weights"), ("pets", "1", b"weights"), ("pets", "3", b"damaged")):
        folder = add(tmp_path, name, version, sha256=digest)
        (folder / "model.keras").write_bytes(content)
    registry = Registry(tmp_path)
    (tmp_path / "active.json").write_text('{"model": "pets"}')  # the newest one
    assert registry.broken()[0].error.fix.endswith("with `python -m dashboard models use pets@1`.")
    (tmp_path / "pets" / "1" / "model.keras").write_bytes(b"damaged, too")
    assert "such as cars@9. Make it the active one with `" in registry.broken()[0].error.fix
    shutil.rmtree(tmp_path / "cars")
    assert "models use" not in registry.broken()[0].error.fix


@pytest.mark.parametrize("active", [None, '{"model": "cars"}', '{"model": "pets@1"}'])
def test_a_broken_version_that_is_not_the_active_one_is_mended_or_deleted(tmp_path: Path, active: str | None) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    for name, version in (("cars", "9"), ("pets", "1"), ("pets", "4")):
        (add(tmp_path, name, version, sha256=digest) / "model.keras").write_bytes(b"weights")
    (damaged := tmp_path / "pets" / "4" / "model.keras").write_bytes(b"damaged")
    if active:
        (tmp_path / "active.json").write_text(active)
    fault = ModelHealth().check(Registry(tmp_path).get("pets@4"))
    assert fault and "models use" not in fault.fix and f"delete the folder {damaged.parent}." in fault.fix
    for names_it in ('{"model": "pets@4"}', '{"model": "pets"}', "{"):
        (tmp_path / "active.json").write_text(names_it)
        fault = ModelHealth().check(Registry(tmp_path).get("pets@4"))
        assert fault and "`python -m dashboard models use pets@1`" in fault.fix


def test_the_way_out_follows_the_choice_that_was_made_since(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    for version, content in (("1", b"weights"), ("2", b"damaged")):
        (add(tmp_path, "pets", version, sha256=digest) / "model.keras").write_bytes(content)
    registry, health = Registry(tmp_path), ModelHealth()
    damaged = registry.get("pets@2")
    before = health.check(damaged)
    assert before and "`python -m dashboard models use pets@1`" in before.fix
    registry.activate("pets@1")
    for after in (health.check(damaged), health.fault(damaged)):
        assert after and after.message == before.message
        assert "models use" not in after.fix and "delete the folder" in after.fix


def test_only_broken_versions_say_what_is_wrong(tmp_path: Path) -> None:
    (add(tmp_path, "pets", "1") / "model.json").unlink()
    with pytest.raises(ModelError, match=r"pets@1: model\.json is missing"):
        Registry(tmp_path).active()


def test_a_folder_in_place_of_a_record_is_told_with_what_to_do(tmp_path: Path) -> None:
    record = add(tmp_path, "pets", "1") / "model.json"
    record.unlink()
    record.mkdir()
    with pytest.raises(ModelError, match=r"pets@1: model\.json: A folder, not a file\.") as refused:
        Registry(tmp_path).active()
    assert refused.value.fix.startswith(f"Remove {record}. Restore the file from a backup")


@pytest.mark.parametrize(
    "changes",
    [
        {"class_names": ["cat", "cat"]}, {"class_names": ["cat"]}, {"class_names": 3}, {"class_names": "cats"},
        {"output": "numbers"}, {"output": None}, {"temperature": 0}, {"temperature": -1}, {"temperature": "warm"},
        {"temperature": float("nan")}, {"temperature": float("inf")}, {"temperature": 10**400}, {"preprocessing": None},
        {"preprocessing": {"height": 0, "width": 8}}, {"preprocessing": {"height": 8, "width": 8, "scale": 10**400}},
        {"metrics": 3}, {"temperature": 1e300}, {"temperature": 1e-9},
        {"preprocessing": {"height": 8, "width": 8, "scale": 0}}, {"preprocessing": {"height": 8, "width": 8, "scale": -1}},
        {"familiarity": 3}, {"familiarity": {"kept": 0.95}}, {"familiarity": {**DOUBTS, "kept": 2}},
    ],
)  # fmt: skip
def test_a_record_that_makes_no_sense_breaks_its_version_only(tmp_path: Path, changes: dict[str, Any]) -> None:
    add(tmp_path, "good", "1")
    add(tmp_path, "bad", "1", **changes)
    registry = Registry(tmp_path)
    assert refs(tmp_path) == ["good@1"]
    [broken] = registry.broken()
    assert broken.ref == "bad@1" and "bad@1" in broken.error.message
    with pytest.raises(ModelError):
        registry.get("bad@1")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "\ufeff{}", "[" * 100_000], ids=range(7))
def test_a_file_that_is_no_record(tmp_path: Path, text: str) -> None:
    (add(tmp_path, "bad", "1") / "model.json").write_text(text, encoding="utf-8")
    assert [b.error.code for b in Registry(tmp_path).broken()] == ["model_record"]


def test_a_record_that_gives_a_key_two_values_is_not_used(tmp_path: Path) -> None:
    record = add(tmp_path, "pets", "1") / "model.json"
    record.write_text(json.dumps(RECORD)[:-1] + ', "class_names": ["dog", "cat"]}')
    with pytest.raises(
        BrokenVersionError, match=r"model\.json cannot be used: it gives the key 'class_names' two values"
    ):
        Registry(tmp_path).get("pets")


def test_a_folder_whose_name_holds_an_at_sign_is_named(tmp_path: Path) -> None:
    add(tmp_path, "ok", "2")
    add(tmp_path, "ok@1", "1")
    add(tmp_path, "pets", "1@2")
    registry = Registry(tmp_path)
    assert refs(tmp_path) == ["ok@2"] and registry.get("ok").ref == "ok@2"
    for ref, folder, better in (("ok@1@1", "ok@1", "ok-1"), ("pets@1@2", "1@2", "1-2"), ("pets", "1@2", "1-2")):
        with pytest.raises(ModelError, match=f"the name of the folder {folder} holds an @") as caught:
            registry.get(ref)
        assert f"{folder}, for example to {better}." in caught.value.fix
    shutil.rmtree(tmp_path / "ok")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    add(tmp_path, "also@1", "1", sha256=sha256)
    add(tmp_path, "twice", "1", sha256=sha256, class_names=["cat", "cat"])
    (add(tmp_path, "gone", "1") / "model.keras").unlink()
    with pytest.raises(ModelError, match="missing") as caught:
        registry.get("gone")
    assert "another version" not in caught.value.fix


@pytest.mark.parametrize("folder", ["m\udcffd/1", "pets/\udcff"])
def test_a_folder_whose_name_is_no_utf8_is_a_version_that_cannot_be_used(tmp_path: Path, folder: str) -> None:
    sha256 = hashlib.sha256(b"weights").hexdigest()
    add(tmp_path, "pets", "2")
    add(tmp_path, *folder.split("/"), sha256=sha256)
    registry = Registry(tmp_path)
    [broken] = registry.broken()
    assert refs(tmp_path) == ["pets@2"] and broken.ref == folder.replace("/", "@").replace("\udcff", "\ufffd")
    with pytest.raises(ModelError, match=r"the name of the folder .* is no UTF-8") as caught:
        registry.get(broken.ref)
    parent = tmp_path if folder.startswith("m") else tmp_path / "pets"
    assert caught.value.code == "bad_name" and caught.value.fix == f"Rename that folder, which is in {parent}."
    (add(tmp_path, "gone", "1") / "model.keras").unlink()
    with pytest.raises(ModelError, match="missing") as caught:
        registry.get("gone")
    assert "another version" not in caught.value.fix


def test_records_that_begin_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    record = add(tmp_path, "pets", "1") / "model.json"
    add(tmp_path, "pets", "2")
    for path, content in ((record, json.dumps(RECORD)), (tmp_path / "active.json", '{"model": "pets@1"}')):
        path.write_text(content, encoding="utf-8-sig")
    assert Registry(tmp_path).get().ref == "pets@1"


def test_a_file_instead_of_the_folder_of_models_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("not a folder")
    with pytest.raises(ModelError, match="models: it is a file") as caught:
        Registry(tmp_path / "models").get()
    assert "set DASHBOARD_MODELS_DIR" in caught.value.fix


def test_next_version(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert registry.next_version("pets") == "1"
    for version in ("9", "10", "rc"):
        add(tmp_path, "pets", version)
    assert registry.next_version("pets") == "11"


def test_the_number_of_a_deleted_version_is_not_given_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    for number in ("1", "2"):
        with registry.adding() as folder:
            assert registry.add(folder, "pets") == number
    shutil.rmtree(tmp_path / "pets")
    assert registry.next_version("pets") == "3" and registry.next_version("birds") == "1"
    (tmp_path / "last_versions.json").write_text("damaged")
    assert registry.next_version("pets") == "1"


def test_bundled_versions_are_served_besides_the_own_ones_and_nothing_is_written_there(tmp_path: Path) -> None:
    own, bundled = tmp_path / "own", tmp_path / "bundled"
    for version in ("1", "7"):
        add(bundled, "pets", version)
    before = sorted(bundled.rglob("*"))
    registry = Registry(own, bundled=bundled)
    assert registry.next_version("pets") == "8" and registry.next_version("birds") == "1"
    with registry.adding() as folder:
        for name in ("model.keras", "model.json"):
            (folder / name).write_bytes((bundled / "pets" / "7" / name).read_bytes())
        assert registry.add(folder, "pets") == "8"
    add(own, "birds", "1")
    assert [v.ref for v in registry.versions()] == ["birds@1", "pets@8", "pets@7", "pets@1"]
    assert registry.activate("pets@7").folder == bundled / "pets" / "7"
    assert registry.get().ref == "pets@7" and (own / "active.json").is_file()
    assert sorted(bundled.rglob("*")) == before


def test_an_own_version_keeps_its_number_when_a_later_release_bundles_the_same(tmp_path: Path) -> None:
    own = add(tmp_path / "own", "pets", "8")
    add(tmp_path / "bundled", "pets", "8")
    [version] = Registry(tmp_path / "own", bundled=tmp_path / "bundled").versions()
    assert version.folder == own


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-x", "a b", "a\n", "ü", "x" * 65, "nul", "Con.1", "a."]
)
def test_names_that_could_leave_the_folder_or_are_reserved_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError):
        check_name(name)
    with pytest.raises(ModelError):
        Registry(tmp_path).next_version(name)


def test_what_is_in_the_project_is_whole() -> None:
    """Every model file in models/ has the checksum that its model.json states."""
    from dashboard.core.files import sha256_of

    registry = Registry(ROOT / "models")
    assert registry.broken() == [] and registry.versions()
    for version in registry.versions():
        assert sha256_of(version.file) == version.sha256
    assert registry.active() in registry.versions()


def test_a_version_that_cannot_be_opened_is_broken_and_the_others_are_not(tmp_path: Path) -> None:
    add(tmp_path, "pets", "1")
    weights = add(tmp_path, "pets", "2") / "model.keras"
    weights.unlink()
    weights.symlink_to("x" * 300)  # the target's name is too long
    registry = Registry(tmp_path)
    assert registry.get("pets@1").ref == "pets@1" and [broken.ref for broken in registry.broken()] == ["pets@2"]


@pytest.mark.parametrize("stated", ["0.95", -1, 2, None, float("nan")])
def test_an_accuracy_that_can_be_none_is_not_stated(tmp_path: Path, stated: object) -> None:
    add(tmp_path, "pets", "1", metrics={"accuracy": stated})
    add(tmp_path, "pets", "2", metrics={"accuracy": 0.95})
    registry = Registry(tmp_path)
    assert registry.get("pets@1").accuracy is None and registry.get("pets@2").accuracy == 0.95


def test_a_record_of_an_earlier_version_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    """tests/data/model.json was written before model.json was read by pydantic."""
    written = (ROOT / "tests" / "data" / "model.json").read_text(encoding="utf-8")
    folder = tmp_path / "pets" / "3"
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"")
    (folder / "model.json").write_text(written, encoding="utf-8")
    version = Registry(tmp_path).get("pets@3")
    assert version.preprocessing == Preprocessing(24, 32, "pad", "grayscale", 1 / 127.5, (1.0,), (0.5,))
    assert version.familiarity == Familiarity(0.95, -2.5, 0.4, "energy")
    assert (version.class_names, version.output, version.temperature) == (("cat", "dog"), "logits", 1.25)
    assert version.bfloat16 and version.accuracy == 0.875 and version.provenance == {"notes": ["made for a test"]}
    assert to_record(version) == json.loads(written) and list(to_record(version)) == list(json.loads(written))
