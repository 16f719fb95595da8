"""Images whose own folder is no class, but lies in one."""

from __future__ import annotations

import unicodedata

import pytest

from dashboard.core.datasets.sample_list import SampleList, label_counts
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.asking import ask
from dashboard.core.evaluation.class_folders import folders_above, in_class_folders, with_folders_above
from dashboard.core.evaluation.driver import go_on
from dashboard.core.evaluation.opening import OpenRun, begin_run, take_up_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.evaluate_again import evaluate_again
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip


def labels(*folders: str, label_map: dict[str, str] | None = None, first_id: int | None = None) -> dict[str, int]:
    """The labels of one image in each folder, if each is labelled with the name of its folder at first."""
    samples = SampleList([f"{f}/0.png" for f in folders], [f.rpartition("/")[2] for f in folders], from_folders=True)
    return label_counts(in_class_folders(samples, CLASS_NAMES, label_map, first_id))


def test_the_folder_above_gives_the_class() -> None:
    assert [*labels("cat", "cat/hard", "a/Trucks/session1/left")] == ["cat", "cat/hard/", "a/Trucks/session1/left/"]


@pytest.mark.parametrize(
    "folders",
    [
        ("zoo/hard",), ("cat/dog/hard",), ("dog/CATS", "cat"), ("cat/puppy",),
        ("dog/n02330245",), ("bird/1", "bird/2"), ("hard",),
    ],
)  # fmt: skip
def test_the_own_folder_stays_the_label(folders: tuple[str, ...]) -> None:
    """Where no class or several lie above, or where the folder itself is a class or may mean one."""
    assert [*labels(*folders)] == [folder.rpartition("/")[2] for folder in folders]


def test_numbers_in_several_classes_are_no_class_ids() -> None:
    assert [*labels("cat/1", "dog/1", "dog/2")] == ["cat/1/", "dog/1/", "dog/2/"]
    assert [*labels("cat/1", "dog/1", "dog/2", first_id=1)] == ["1", "2"]


def test_what_the_user_says_about_a_folder_holds() -> None:
    assert [*labels("cat/hard", "dog/hard", label_map={"hard": "cat"})] == ["hard"]
    assert [*labels("zoo/hard", "dog", label_map={"zoo/hard/": "cat"})] == ["zoo/hard/", "dog"]
    decomposed = unicodedata.normalize("NFD", "\u00e9")
    assert [*labels("cat/\u00e9", "dog/\u00e9", label_map={decomposed: "cat"})] == ["\u00e9"]


def above(*folders: str, label_map: dict[str, str]) -> dict[str, str]:
    samples = SampleList([f"{f}/0.png" for f in folders], [f.rpartition("/")[2] for f in folders], from_folders=True)
    return with_folders_above(samples, label_map)


def test_a_folder_that_is_no_label_holds_for_all_below() -> None:
    folders = ("data/benign/a/p1", "data/benign/a/p2", "data/malignant/p1")
    for key in ("benign", "benign/", "data/benign/"):
        assert above(*folders, label_map={key: "cat", "*": ""}) == {
            "data/benign/a/p1/": "cat", "data/benign/a/p2/": "cat", "*": "",
        }  # fmt: skip
    assert above("a/b/p1", "a/p2", "a/b/p3", label_map={"a": "cat", "b": "dog", "p3": "ship"}) == {
        "a/b/p1/": "dog", "a/p2/": "cat", "p3": "ship",
    }  # fmt: skip
    assert above("a/b", label_map={"elsewhere": "cat", "b": "dog"}) == {"elsewhere": "cat", "b": "dog"}


def test_the_folders_above_are_named_and_can_be_mapped(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    path = make_zip({f"scans/{of}/p{i}": 1 for of in ("benign", "malignant") for i in (1, 2)})
    with pytest.raises(DatasetError, match=r"--map benign=CLASS \(folders: benign, malignant\)"):
        plan_run(path, tiny_version)
    plan = plan_run(path, tiny_version, {"benign": "cat", "malignant": "dog"})
    assert plan.mapping.class_of == {
        "scans/benign/p1/": "cat", "scans/benign/p2/": "cat", "scans/malignant/p1/": "dog", "scans/malignant/p2/": "dog",
    }  # fmt: skip


def test_the_own_images_of_a_folder_count_as_below_it(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    nested = {f"{of}/{by}": 1 for of in ("Hund", "Katze", "Pferd") for by in ("Ben", "Ida")}
    path = make_zip({**nested, "Pferd": 1})
    asked = ask(path, tiny_version, {})
    assert asked.above and {c.label: c.images for c in asked.above.unmatched} == {"Hund": 2, "Katze": 2, "Pferd": 3}
    with pytest.raises(DatasetError, match=r"--map Hund=CLASS \(folders: Hund, Katze, Pferd\)"):
        plan_run(path, tiny_version)
    meanings = {"Hund": "dog", "Katze": "cat", "Pferd": "horse"}
    expected = {f"{folder}/": meanings[folder.split("/")[0]] for folder in nested}
    assert plan_run(path, tiny_version, meanings).mapping.class_of == {**expected, "Pferd": "horse"}
    plan = plan_run(path, tiny_version, {"Pferd": "horse", "*": "(leave out)"})
    assert plan.mapping.class_of == {"Pferd": "horse", "Pferd/Ben/": "horse", "Pferd/Ida/": "horse"}
    for label in ("Pferd/Ida/", "Ida"):
        class_of = plan_run(path, tiny_version, {**meanings, label: "ship"}).mapping.class_of
        assert class_of[label] == "ship" and class_of["Pferd/Ben/"] == "horse"


def test_all_folders_above_may_hold_images_of_their_own(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    asked = ask(make_zip({"Hund": 1, "Hund/Ida": 1, "Katze": 1, "Katze/Ida": 2}), tiny_version, {})
    assert asked.above and {c.label: c.images for c in asked.above.unmatched} == {"Hund": 2, "Katze": 3}


def test_a_label_stands_for_no_classes_below_it_and_not_for_all_images() -> None:
    def mapped(*folders: str) -> dict[str, str]:
        names = [folder.rpartition("/")[2] for folder in folders]
        samples = SampleList([f"{folder}/0.png" for folder in folders], names, from_folders=True)
        return with_folders_above(samples, {"zoo": "(leave out)"}, CLASS_NAMES)

    assert mapped("zoo", "zoo/cat", "zoo/dog/hard", "zoo/new", "ship") == {
        "zoo": "(leave out)", "zoo/new/": "(leave out)",
    }  # fmt: skip
    assert mapped("zoo", "zoo/Hund", "zoo/Katze") == {"zoo": "(leave out)"}


@pytest.mark.parametrize(
    "folders, label_map, said",
    [
        (["cat", "dog"], {"cat": "cat", "cat/": "dog"}, "'cat' means cat and 'cat/' means dog"),
        (["a/b/p1", "c"], {"a/b": "cat", "b/": "dog"}, "'b/' means dog and 'a/b' means cat"),
        (["a/b/p1", "a/b/p2", "c"], {"a": "cat", "b": "dog"}, "'a' means cat and 'b' means dog"),
        (["a/b", "a/c"], {"a": "cat", "b": "cat", "a/c/": "dog"}, "'a' means cat and 'a/c/' means dog"),
    ],
)
def test_two_meanings_for_the_same_images_are_refused(folders: list[str], label_map: dict[str, str], said: str) -> None:
    """Unless each has images that the other does not name, or both are the same."""
    with pytest.raises(DatasetError, match=f"{said}, but these are the same images") as refused:
        above(*folders, label_map=label_map)
    assert refused.value.code == "label_map"
    above(*folders, label_map=dict.fromkeys(label_map, "cat"))
    assert above("cat", "x/cat", label_map={"cat": "cat", "cat/": "dog"}) == {"cat": "cat", "cat/": "dog"}


def test_a_longer_path_counts_before_a_shorter_one() -> None:
    for key in ("zoo/hard", "zoo/hard/", "a/zoo/hard"):
        for others in ({"hard": "cat"}, {"zoo": "cat", "park": "cat"}):
            mapped = above("a/zoo/hard", "b/park/hard", "b/zoo/p1", label_map={key: "dog", **others})
            assert mapped["a/zoo/hard/"] == "dog" and list(mapped.values()).count("dog") == 1


def test_folders_above_that_would_all_have_the_class_of_another_are_not_offered(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    asked = ask(make_zip({"Ida/Ole/p1": 1, "Ole/p2": 1, "Ole/p3": 1}), tiny_version, {})
    assert asked.labels and len(asked.labels.unmatched) == 3 and asked.above is None


def test_what_a_label_means_elsewhere_is_asked_with_its_path(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    """Also numbers, which would be read as class ids although the user has said that others of them are none."""
    for folder in ("hard", "0"):
        path = make_zip({f"{each}/{folder}": 1 for each in ("Katze", "zoo")} | {"Katze/1": 1}, f"{folder}.zip")
        with pytest.raises(DatasetError, match=rf"1 label is not a class.*: zoo/{folder}/ \(1 image\)"):
            plan_run(path, tiny_version, {"Katze": "cat"})
        plan = plan_run(path, tiny_version, {"Katze": "cat", f"zoo/{folder}/": "dog"})
        assert plan.mapping.class_of == {"Katze/1/": "cat", f"Katze/{folder}/": "cat", f"zoo/{folder}/": "dog"}
    counted = plan_run(path, tiny_version, {"Katze": "cat"}, first_id=0).mapping.class_of
    assert counted["0"] == CLASS_NAMES[0] and counted["Katze/0/"] == "cat"


def test_the_folders_above_are_offered_where_only_one_holds_others_or_images_lie_around_them(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    meanings = {"Katze": "cat", "Hund": "dog", "data": "(leave out)"}
    for n, folders in enumerate((
        ["Katze/a", "Katze/b", "Hund"],
        ["data", "data/Katze/a", "data/Katze/b", "data/Hund"],
        ["data", "data/Katze/a", "data/Katze/b", "data/Hund/a", "data/Hund/b"],
    )):  # fmt: skip
        path = make_zip(dict.fromkeys(folders, 1), f"{n}.zip")
        asked = ask(path, tiny_version, {})
        around = {"data": 1} if "data" in folders else {}
        hund = sum("Hund" in folder for folder in folders)
        assert asked.above and {c.label: c.images for c in asked.above.unmatched} == {
            "Katze": 2,
            "Hund": hund,
            **around,
        }
        with pytest.raises(DatasetError, match=r"--map Hund=CLASS \(folders: Hund, Katze\)"):
            plan_run(path, tiny_version)
        mapping = plan_run(path, tiny_version, {name: meanings[name] for name in ("Katze", "Hund", *around)}).mapping
        assert [*mapping.class_of.values()].count("cat") == 2 and mapping.left_out == (*around,)
    assert ask(make_zip({"a": 1, "b": 1, "c/other": 1}, "one.zip"), tiny_version, {}).above is None


def test_another_split_is_offered_where_the_one_by_default_has_no_class(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    path = make_zip({"train/cat": 1, "train/dog": 1, "test/batch": 1})
    with pytest.raises(DatasetError, match=r"To use another split: --split train\."):
        plan_run(path, tiny_version)


def test_splits_and_labels_are_no_folders_above() -> None:
    folders = ("train/COVID/images", "test/COVID/images", "test/Normal/images")
    names = [folder.split("/")[1] for folder in folders]
    assert folders_above(SampleList([f"{f}/0.png" for f in folders], names, from_folders=True)) == []


def test_labels_from_a_table_stay() -> None:
    samples = SampleList(["cat/hard/0.png"], ["hard"])
    assert in_class_folders(samples, CLASS_NAMES) is samples


def test_a_run_over_such_folders(
    fast: WorkerPool, store: RunStore, make_zip: MakeZip, tiny_registry: Registry, tiny_version: ModelVersion
) -> None:
    """Also when it is resumed, where another folder of the same name is left out with all unknown labels."""
    path = make_zip({"cat": 1, "cat/hard": 1, "dog/hard": 1, "zoo/hard": 1})
    with pytest.raises(DatasetError, match=r"1 label is not a class.*: zoo/hard/ \(1 image\)"):
        plan_run(path, tiny_version)
    plan = plan_run(path, tiny_version, {"*": "(leave out)"})
    assert plan_run(path, tiny_version, {"zoo/hard/": "(leave out)"}).mapping.class_of == plan.mapping.class_of
    begun = begin_run(plan, store, 1, "run")
    begun.owner.release()
    assert "have the class of the folder above: cat/hard/ is cat, dog/hard/ is dog." in " ".join(begun.manifest.notes)
    resumed = take_up_run("run", store, tiny_registry)
    assert isinstance(resumed, OpenRun)
    go_on(resumed, fast, 20)
    rows = store.folder("run").load().table
    assert dict(zip(rows["file"], rows["true_label"].astype(object), strict=True)) | {"zoo/hard/0.png": None} == {
        "cat/0.png": "cat", "cat/hard/0.png": "cat", "dog/hard/0.png": "dog", "zoo/hard/0.png": None,
    }  # fmt: skip
    assert rows["status"].tolist().count("failed") == 1
    command = evaluate_again(begun.manifest)[0]
    assert "--map zoo/hard/=" in command and "dog/hard" not in command


def test_a_folder_that_lies_in_a_class_needs_no_user(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    asked = ask(make_zip({"cat/session1": 1, "dog/session1": 2}), tiny_version, {})
    assert asked.labels and not asked.needs_the_user
    assert [(c.label, c.images, c.meaning) for c in asked.labels.matched] == [
        ("cat/session1/", 1, "cat"), ("dog/session1/", 2, "dog"),
    ]  # fmt: skip
