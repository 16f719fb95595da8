"""Filters of the rows of a run: each condition against pandas on the same rows, and everything a condition can be."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.runs.attributes import attribute_names
from dashboard.core.runs.filtering import OWN_COLUMNS
from dashboard.core.runs.filters import Condition, any_of, as_texts, parse_condition, parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import PROPERTY_FIELDS, SCHEMA, VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from tests.compared_runs import write_run
from tests.run_rows import Row, manifest, ok, table_of

CLASSES = ("cat", "dog", "sea lion", "a|b")
N, PART = 240, 80
LABELS = ("true_label", "predicted_label")
NUMBERS = (
    "index", "confidence", "margin", "true_probability", "true_rank", "squared_error", "loss", "width", "height",
    "file_size", "brightness", "contrast", "sharpness", "colourfulness", "aspect", "age", "dose", "serial",
)  # fmt: skip
TEXTS = ("file", "status", *LABELS, "camera", "remark")
FLAGS = ("correct", "smoker")
COMPUTED = ("margin", "squared_error", "loss", "aspect")
COMPARE = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def some(rng: np.random.Generator, values: np.ndarray, missing: float = 0.2) -> list[object]:
    """The values as Python objects, some of them missing."""
    return [None if rng.random() < missing else value for value in values.tolist()]


def made_up() -> pd.DataFrame:
    """The rows of a run with all that a filter can name, computed here without the code that is tested."""
    rng = np.random.default_rng(0)
    ok = rng.random(N) > 0.1
    probs = rng.dirichlet(np.ones(len(CLASSES)), N)
    true = [None if rng.random() < 0.2 else int(i) for i in rng.integers(0, len(CLASSES), N)]
    at, both = np.array([t or 0 for t in true]), ok & np.array([t is not None for t in true])
    one_hot = np.eye(len(CLASSES))[at]
    ordered = np.sort(probs, axis=1)
    of_true = probs[np.arange(N), at]
    predicted = [CLASSES[i] if good else None for i, good in zip(probs.argmax(axis=1), ok, strict=True)]
    frame = pd.DataFrame({
        "index": np.arange(N),
        "file": [f"Ärger/{i:03d} (1).PNG" if i % 3 else f"b/{i:03d}.jpg" for i in range(N)],
        "true_label": [None if t is None else CLASSES[t] for t in true],
        "predicted_label": predicted,
        "confidence": np.where(ok, probs.max(axis=1), np.nan),
        "pred_probs": [p.tolist() if good else None for p, good in zip(probs, ok, strict=True)],
        "logits": [np.log(p).tolist() if good else None for p, good in zip(probs, ok, strict=True)],
        "status": np.where(ok, "ok", "failed"),
        "reason": np.where(ok, "", "It is damaged."),
        "margin": np.where(ok, ordered[:, -1] - ordered[:, -2], np.nan),
        "true_probability": np.where(both, of_true, np.nan),
        "true_rank": np.where(both, 1 + (probs > of_true[:, None]).sum(axis=1), np.nan),
        "squared_error": np.where(both, ((probs - one_hot) ** 2).sum(axis=1), np.nan),
        "loss": np.where(both, -np.log(of_true), np.nan),
        "correct": [t == p if t is not None and p else None for t, p in zip(
            (None if t is None else CLASSES[t] for t in true), predicted, strict=True)],
        "width": np.where(ok, rng.integers(1, 9, N), np.nan),
        "height": np.where(ok, rng.integers(1, 9, N), np.nan),
        "file_size": np.where(ok, rng.integers(0, 2**40, N), np.nan),
        **{name: np.where(ok, rng.random(N).astype(np.float32), np.nan)
           for name in ("brightness", "contrast", "sharpness", "colourfulness")},
        "camera": pd.Series(some(rng, rng.choice(["left", "right", "(.*)"], N)), dtype=object),
        "remark": pd.Series(some(rng, rng.choice(["a=b", "x<1", "left|right", "'; drop", "né"], N)), dtype=object),
        "age": pd.array(some(rng, rng.integers(0, 90, N)), "Int64"),
        "serial": pd.array([2**60 + i if i % 5 else None for i in range(N)], "Int64"),
        "dose": some(rng, rng.random(N)),
        "smoker": pd.Series(some(rng, rng.random(N) < 0.5), dtype=object),
    })  # fmt: skip
    frame["aspect"] = frame["width"] / frame["height"]
    return frame


ROWS = made_up()
ATTRIBUTES = ("camera", "remark", "age", "serial", "dose", "smoker")


def stored(store: RunStore, derived: bool = True, packed: bool = False) -> RunFolder:
    """These rows as a run. Without `derived`, the files are as earlier versions wrote them."""
    about = manifest("run", class_names=CLASSES, n_images=N)
    attributes = pa.Table.from_pandas(ROWS[list(ATTRIBUTES)], preserve_index=False)
    store.begin(about, attributes).release()
    folder = store.folder("run")
    schema = pa.schema([*SCHEMA, *PROPERTY_FIELDS]) if derived else SCHEMA
    table = pa.Table.from_pandas(ROWS[schema.names], schema, preserve_index=False)
    for part in range(N // PART):
        rows = table.slice(part * PART, PART)
        if derived:
            folder.add_part(part, rows)
        else:
            pq.write_table(rows, folder.path / f"part-{part:07d}.parquet")
    if packed:
        if derived:
            folder.rows.pack(folder.load().files)
        else:
            pq.write_table(table, folder.path / "rows.parquet")
    folder.beside.annotate(lambda found: found.tagged("odd", range(1, N, 2)).tagged("few", [1, 2]))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return stored(RunStore(tmp_path_factory.mktemp("runs")))


def passed(folder: RunFolder, *conditions: str) -> list[int]:
    """The `index` of each row that passes."""
    found: list[int] = folder.load(VIEW_COLUMNS, parse_filter(conditions)).table["index"].tolist()
    return found


def wanted(column: str, compare: Callable[[object, object], bool], value: object) -> list[int]:
    """A missing value differs from every value."""
    values = ROWS[column]
    return [i for i, v in enumerate(values) if (compare is operator.ne if pd.isna(v) else compare(v, value))]


def bounds(column: str) -> list[float]:
    """Some values of a column; of one that is computed, numbers between its values, which rounding does not reach."""
    values = sorted(set(ROWS[column].dropna().tolist()))
    at = (0, len(values) // 3, len(values) - 2)
    return [(values[i] + values[i + 1]) / 2 if column in COMPUTED else values[i] for i in at]


@pytest.mark.parametrize("column", NUMBERS)
def test_numbers(run: RunFolder, column: str) -> None:
    for bound in bounds(column):
        for sign, compare in COMPARE.items():
            assert passed(run, f"{column}{sign}{bound!r}") == wanted(column, compare, bound), (sign, bound)


@pytest.mark.parametrize("column", TEXTS)
def test_texts(run: RunFolder, column: str) -> None:
    for value in ROWS[column].dropna().unique()[:12]:
        assert passed(run, f"{column}={value}") == wanted(column, operator.eq, value)
        assert passed(run, f"{column}!={value}") == wanted(column, operator.ne, value)
    for part in ("e", "E", "ä", "(", ".", ".*", "|", "0", "sea lion", "\\", "%", "=", "<"):
        found = ROWS[column].str.contains(part, case=False, regex=False).eq(True)
        assert passed(run, f"{column}~{part}") == np.flatnonzero(found).tolist(), part


def test_accents_are_compared_however_they_are_stored(tmp_path: Path) -> None:
    ways, cafe = ("e\u0301", "\u00e9"), "cafe\u0301"
    files = [f"p{way}tit.png" for way in ways]
    folder = write_run(tmp_path, "run", [cafe, cafe], np.array([[0.9, 0.1]] * 2), (cafe, "tea"), files)
    for way in ways:
        assert passed(folder, f"file~P{way.upper()}TIT") == passed(folder, f"file=p{way}tit.png") == [0, 1]
        assert passed(folder, f"true_label=caf{way}") == [0, 1]
        assert passed(folder, f"predicted_label!=tea|caf{way}") == []


@pytest.mark.parametrize("column", FLAGS)
@pytest.mark.parametrize("yes, no", [("yes", "no"), ("true", "False"), ("YES", "No")])
def test_yes_and_no(run: RunFolder, column: str, yes: str, no: str) -> None:
    for answer, value in ((yes, True), (no, False)):
        assert passed(run, f"{column}={answer}") == wanted(column, operator.eq, value)
        assert passed(run, f"{column}!={answer}") == wanted(column, operator.ne, value)
    missing = ROWS[column].isna()
    assert passed(run, f"{column}={yes}|{no}") == np.flatnonzero(~missing).tolist()
    assert passed(run, f"{column}!={yes}|{no}") == np.flatnonzero(missing).tolist()


@pytest.mark.parametrize("column", [*NUMBERS, *TEXTS, *FLAGS])
def test_nothing_after_the_sign_means_missing(run: RunFolder, column: str) -> None:
    missing = ROWS[column].isna()
    assert passed(run, f"{column}=") == np.flatnonzero(missing).tolist()
    assert passed(run, f"{column}!=") == np.flatnonzero(~missing).tolist()


def test_either_of_several_values(run: RunFolder) -> None:
    pets = ROWS["true_label"].isin(["cat", "dog"])
    assert passed(run, "true_label=cat | dog") == np.flatnonzero(pets).tolist()
    assert passed(run, "true_label!=cat|dog") == np.flatnonzero(~pets).tolist()
    assert passed(run, "index=3|5|400") == [3, 5]
    assert passed(run, "true_label=a|b") == wanted("true_label", operator.eq, "a|b"), "a class of this name"
    assert passed(run, "remark=left|right") == wanted("remark", operator.eq, "left|right")
    assert passed(run, "camera=left|right") == np.flatnonzero(ROWS["camera"].isin(["left", "right"])).tolist()


def test_all_conditions_must_hold(run: RunFolder) -> None:
    both = ROWS[(ROWS["age"] < 40).fillna(False) & (ROWS["camera"] == "left") & (ROWS["confidence"] > 0.5)]
    assert 0 < len(both) < N
    assert passed(run, "age<40", "camera=left", "confidence>50%") == both["index"].tolist()
    assert passed(run, "camera=left", "camera=right") == []
    assert passed(run) == list(range(N))


def test_tags(run: RunFolder) -> None:
    odd = list(range(1, N, 2))
    assert passed(run, "tag=odd") == odd and passed(run, "tag!=odd") == list(range(0, N, 2))
    assert passed(run, "tag=few") == [1, 2] and passed(run, "tag=few|odd") == sorted({*odd, 2})
    assert passed(run, "tag!=few|odd") == passed(run, "tag=")
    assert passed(run, "tag=") == [i for i in range(N) if i not in (*odd, 2)]
    assert passed(run, "tag!=") == sorted({*odd, 2})


@pytest.mark.parametrize(
    "condition, message",
    [
        ("colour=red", "no column 'colour'"),
        ("pred_probs=1", "no column"),
        ("true_label=horse", "horse is not a class"),
        ("predicted_label=cat|horse", "horse is not a class"),
        ("tag=never", "No image has the tag never"),
        ("tag~odd", "cannot be compared"),
        ("true_label<cat", "holds words"),
        ("camera>=left", "holds words"),
        ("confidence=high", "'high' is not a number"),
        ("confidence<", "'' is not a number"),
        ("confidence<70", "confidence lies between 0 and 1, so it is no use to compare it with 70."),
        ("margin>=1.5", "margin lies between 0 and 1"),
        ("true_probability=0.5|-0.5", "no use to compare it with -0.5"),
        ("confidence>inf", "confidence lies between 0 and 1"),
        ("age<nan", "'nan' is not a number"),
        ("age=1|x", "'x' is not a number"),
        ("age~3", "holds numbers"),
        ("correct=maybe", "yes or no, not 'maybe'"),
        ("correct<yes", "yes or no"),
        ("smoker~y", "yes or no"),
        ("confidence", "is not a condition"),
        ("=cat", "is not a condition"),
        ("", "is not a condition"),
        ("file~\udcff", "is not a condition"),
    ],
)
def test_what_cannot_be_asked_says_why(run: RunFolder, condition: str, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        passed(run, condition)
    assert caught.value.code == "filter" and message in caught.value.message and caught.value.fix


def test_a_probability_in_percent_is_told_how_to_write_it(run: RunFolder) -> None:
    for condition, fix in (
        ("confidence<70", "Write 70% if you mean percent."),
        ("confidence<700", "Choose a number in this range."),
        ("confidence<170%", "Choose a number in this range."),
    ):
        with pytest.raises(DatasetError) as caught:
            passed(run, condition)
        assert caught.value.fix == fix
    assert passed(run, "confidence<70%") == wanted("confidence", operator.lt, 0.7)
    assert passed(run, "squared_error<=2", "confidence<=1") == passed(run, "squared_error!=", "confidence!=")


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "@index == 1", "`file`", "1 or 1", "' OR 1=1 --", "{0}", "$(id)", ".+"]
)
def test_text_that_looks_like_code_is_only_text(run: RunFolder, text: str) -> None:
    for sign in ("=", "~"):
        assert passed(run, f"file{sign}{text}") == [] == passed(run, f"camera{sign}{text}")
    assert len(passed(run, f"file!={text}")) == N
    with pytest.raises(DatasetError):
        passed(run, f"{text} < 1")


def test_the_loss_of_a_probability_that_is_not_positive_is_infinite(tmp_path: Path) -> None:
    """Earlier imports stored rounded probabilities a little outside [0, 1]."""
    probs = np.array([[-0.0005, 1.0005], [0.0, 1.0], [1.0005, -0.0005], [0.5, 0.5], [0.5, 0.5]])
    folder = write_run(tmp_path, "run", ["cat", "cat", "cat", "cat", None], probs, ("cat", "dog"))
    assert passed(folder, "loss>5") == passed(folder, "loss>1e300") == [0, 1]
    assert passed(folder, "loss>=0") == [0, 1, 2, 3] and passed(folder, "loss<0.1") == [2]
    assert passed(folder, "loss=") == [4]


@pytest.mark.parametrize("condition", ["confidence>=0.9", "margin<0.1", "loss>1", "true_probability<0.5"])
def test_predicted_classes_alone_have_no_confidence_to_filter_by(tmp_path: Path, condition: str) -> None:
    """They are stored with a confidence of 1, so such a filter kept all images or none."""
    store = RunStore(tmp_path)
    about = manifest("theirs", imported=True, n_images=4)
    store.begin(about).release()
    folder = store.folder("theirs")
    rows = [Row(i, f"{i}.png", "cat", "cat", 1.0, [1.0, 0.0], [0.0, 0.0], "ok", "") for i in range(4)]
    folder.add_part(0, table_of(rows))
    with pytest.raises(DatasetError, match="have no probabilities") as raised:
        passed(folder, "true_label=cat", condition)
    assert raised.value.code == "no_probabilities"
    assert passed(folder, "correct=yes") == [0, 1, 2, 3]


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    folder = stored(RunStore(tmp_path), derived=False)
    for name in ("width", "file_size", "brightness", "aspect"):
        with pytest.raises(DatasetError, match=f"No image of this evaluation has a known {name}") as caught:
            passed(folder, f"{name}<3")
        assert caught.value.code == "filter" and caught.value.fix
        assert passed(folder, f"{name}=") == list(range(N))


@pytest.mark.parametrize("derived, packed", [(False, False), (False, True), (True, True)])
def test_files_of_earlier_versions_give_the_same_answers(
    run: RunFolder, tmp_path: Path, derived: bool, packed: bool
) -> None:
    """They lack the columns that are derived from the probabilities."""
    folder = stored(RunStore(tmp_path), derived, packed)
    measured = {"aspect", *(field.name for field in PROPERTY_FIELDS)}
    conditions = [
        "correct=no", "file~ä", "true_label=cat|dog", "status=failed", "tag=odd", "camera=left", "true_rank=",
        *(f"{column}{sign}{bounds(column)[1]!r}" for column in NUMBERS for sign in ("=", "<") if column not in measured),
    ]  # fmt: skip
    for condition in conditions:
        assert passed(folder, condition) == passed(run, condition), condition


def test_a_run_under_way_has_the_attributes_of_its_rows_so_far(run: RunFolder, tmp_path: Path) -> None:
    folder = stored(RunStore(tmp_path))
    (folder.path / "part-0000001.parquet").unlink()  # the second of three: its chunk is not done yet
    there = {*range(PART), *range(2 * PART, N)}
    for condition in ("age<30", "camera=left", "smoker=", "tag=odd", "serial!="):
        assert passed(folder, condition) == [i for i in passed(run, condition) if i in there], condition


def test_metrics_and_export_obey_the_filter(run: RunFolder) -> None:
    filtered = run.load(VIEW_COLUMNS, parse_filter(["age<40"]))
    rows = ROWS[(ROWS["age"] < 40).fillna(False)]
    evaluated = filtered.evaluation()
    assert evaluated is not None
    assert evaluated.accuracy.value == pytest.approx(rows["correct"].dropna().astype(float).mean())
    assert pd.concat(filtered.batches(["index"]))["index"].tolist() == rows["index"].tolist()


def test_the_columns_that_a_filter_may_name(run: RunFolder) -> None:
    columns = run.filter_source(run.load().files).columns
    assert columns == (*OWN_COLUMNS, *ATTRIBUTES)
    for column in columns:
        passed(run, f"{column}=")


def test_attributes_called_like_other_columns_get_another_name() -> None:
    names = ["width", "width (dataset)", "label", "tag", "reason", "a<b", "c=d!", "", "label", "pred_probs", " e "]
    assert attribute_names(names) == [
        "width (dataset)", "width (dataset) (2)", "label", "tag (dataset)", "reason (dataset)", "a_b", "c_d_",
        "column 8", "label (2)", "pred_probs (dataset)", "e",
    ]  # fmt: skip
    for name in attribute_names(names):
        assert parse_condition(f"{name}!=1") == Condition(name, "!=", "1"), "a condition can name it"


@pytest.mark.parametrize(
    "text, condition",
    [
        ("true_label=cat", Condition("true_label", "=", "cat")),
        (" confidence <= 0.7 ", Condition("confidence", "<=", "0.7")),
        ("a!=b", Condition("a", "!=", "b")),
        ("file~x=y<z", Condition("file", "~", "x=y<z")),
        ("remark==", Condition("remark", "=", "=")),
        ("width (dataset)>3", Condition("width (dataset)", ">", "3")),
        ("true_label=", Condition("true_label", "=", "")),
        ("file=a\nb", Condition("file", "=", "a\nb")),
    ],
)
def test_conditions_as_text(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


def test_every_filter_survives_as_text() -> None:
    """In an address or a file, a filter is text."""
    rng = random.Random(0)
    letters = "ab =<>!~|%&'\"\\/é見\n\t0.{}"
    for _ in range(3000):
        column = "".join(rng.choices("ab(é) _1", k=rng.randint(1, 6))).strip() or "x"
        value = "".join(rng.choices(letters, k=rng.randint(0, 8))).strip()
        sign = rng.choice([*COMPARE, "~"])
        if sign in "<>!=" and value.startswith("="):
            continue  # "a<" and "=b" would be read as "a<=b"
        conditions = (Condition(column, sign, value),)  # type: ignore[arg-type]
        assert parse_filter(as_texts(conditions)) == conditions


def test_a_condition_that_is_given_twice_counts_once() -> None:
    assert parse_filter(["a=1", "b=2", "a = 1"]) == parse_filter(["a=1", "b=2"])


def test_a_bar_in_a_class_name_does_not_separate_two_values(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    names = ("a", "b", "a|b", "c|d")
    store.begin(manifest(class_names=names, n_images=3)).release()
    folder = store.folder(manifest().run_id)
    probs = np.eye(4)[[0, 1, 3]]
    rows = {
        "index": [0, 1, 2], "file": ["0", "1", "2"], "true_label": ["a", "b", "c|d"], "predicted_label": ["a", "b", "c|d"],
        "confidence": [1.0] * 3, "pred_probs": probs.tolist(), "logits": probs.tolist(), "status": ["ok"] * 3,
        "reason": [""] * 3,
    }  # fmt: skip
    folder.add_part(0, pa.table(rows, schema=SCHEMA))

    def found(text: str) -> list[int]:
        return folder.load(VIEW_COLUMNS, parse_filter([text])).table["index"].tolist()

    assert found("true_label=a|b") == []  # a class, of which there are no images
    assert found("true_label=c|d") == [2]
    assert found(str(any_of("true_label", ["a", "c|d"]))) == [0, 2]
    assert found(r"predicted_label=a|c\|d") == [0, 2]


def test_dates_are_compared(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    days = ["2026-01-14", "2026-01-15", None, "2026-01-15T10:30", "2026-02-01 00:00:00.5", "2025-12-31"]
    words = pa.table({"taken": days, "mixed": [*days[:5], "yesterday"]})
    store.begin(manifest("run", n_images=6), words).release()
    folder = store.folder("run")
    folder.add_part(0, table_of([ok(i, "cat", "cat") for i in range(6)]))
    assert passed(folder, "taken>=2026-01-15") == [1, 3, 4]
    assert passed(folder, "taken<=2026-01-15") == [0, 1, 3, 5]  # a time of that day, too
    assert passed(folder, "taken<2026-01-15 11:00", "taken>2026-01-14") == [1, 3]
    for wrong in ("taken>soon", "mixed>2026-01-15"):
        with pytest.raises(DatasetError, match="holds words") as refused:
            passed(folder, wrong)
        assert "2026-01-31" in refused.value.fix
