from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.core.analysis.checks.check import Comparison, NoFinding, NotWorse
from dashboard.core.analysis.checks.reading import parse_checks, read_checks
from dashboard.core.analysis.checks.sentences import read_sentence
from dashboard.core.errors import DatasetError
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "text, demand",
    [
        ("accuracy >= 0.93", Comparison("accuracy", None, "value", ">=", 0.93, False)),
        ("accuracy>=92.9%", Comparison("accuracy", None, "value", ">=", 0.929, True)),
        ("accuracy.low >= 0.92", Comparison("accuracy", None, "low", ">=", 0.92, False)),
        ("ece15.high < 0.03", Comparison("ece15", None, "high", "<", 0.03, False)),
        ("recall[cat] >= 0.85", Comparison("recall", "cat", "value", ">=", 0.85, False)),
        ("f1[ traffic light ].low > .5", Comparison("f1", "traffic light", "low", ">", 0.5, False)),
        ("precision[a[0] >= b] == 1", Comparison("precision", "a[0] >= b", "value", "==", 1, False)),
        ("n >= 1000", Comparison("n", None, "value", ">=", 1000, False)),
        ("failed <= 40", Comparison("failed", None, "value", "<=", 40, False)),
        ("log_loss <= 1.5", Comparison("log_loss", None, "value", "<=", 1.5, False)),
        ("mcc >= -0.5", Comparison("mcc", None, "value", ">=", -0.5, False)),
        ("failed <= 1%", Comparison("failed", None, "value", "<=", 0.01, True)),
        ("findings <= 3", Comparison("findings", None, "value", "<=", 3, False)),
        ("no findings", Comparison("findings", None, "value", "<=", 0, False)),
        ("no finding: overconfident", NoFinding("overconfident")),
        ("Not worse than 20261128-184706-b59317e7", NotWorse("20261128-184706-b59317e7")),
    ],
)
def test_sentences(text: str, demand: object) -> None:
    assert read_sentence(text) == demand


@pytest.mark.parametrize(
    "text, message, fix",
    [
        ("acuracy >= 0.9", "There is no metric 'acuracy'.", "Did you mean accuracy?"),
        ("auroc >= 0.9", "A check cannot be about auroc.", "Confidence > Curves"),
        ("average_precision[cat] >= 0.9", "A check cannot be about average_precision.", "Confidence > Curves"),
        ("accuracy.lower >= 0.9", "There is no part of a figure 'lower'.", "Did you mean low?"),
        ("no finding: over", "There is no finding 'over'.", "overconfident"),
        ("accuracy > = 0.9", "'accuracy > = 0.9' is not a check.", "accuracy >= 0.93"),
        ("accuracy", "'accuracy' is not a check.", "accuracy >= 0.93"),
        ("accuracy >= high", "'high' is not a number.", "0.93 or 93%"),
        ("accuracy >= nan", "'nan' is not a number.", "0.93 or 93%"),
        ("recall >= 0.9", "recall needs a class.", "recall[CLASS] >= 0.9"),
        ("accuracy[cat] >= 0.9", "accuracy is not about one class.", "Leave out [cat]"),
        ("n.low >= 3", "n is a count and has no interval.", "Leave out .low"),
        ("n >= 50%", "n is a count, not a share.", "n >= 10"),
        ("n >= 1e999999999", "'1e999999999' is not a number.", "0.93 or 93%"),
        ("failed <= 1e999999999%", "'1e999999999%' is not a number.", "0.93 or 93%"),
        ("accuracy >= 93", "accuracy lies between 0 and 1, so it is no use to compare it with 93.", "93% if"),
        ("ece15.high <= 3", "ece15.high lies between 0 and 1, so it is no use to compare it with 3.", "3% if"),
        ("accuracy <= 120%", "accuracy lies between 0 and 1, so it is no use to compare it with 1.2.", "in this range"),
        ("recall[cat] >= -0.1", "recall lies between 0 and 1, so it is no use to compare it with -0.1.", "this range"),
        ("failed <= 200%", "failed lies between 0 and 1, so it is no use to compare it with 2.", "in this range"),
        ("brier <= 2.5", "brier lies between 0 and 2, so it is no use to compare it with 2.5.", "in this range"),
        ("mcc >= -2", "mcc lies between -1 and 1, so it is no use to compare it with -2.", "in this range"),
        ("n >= -1", "n is never below 0, so it is no use to compare it with -1.", "in this range"),
        ("__import__('os') >= 1", "\"__import__('os') >= 1\" is not a check.", "accuracy >= 0.93"),
    ],
)
def test_sentences_that_are_no_checks(text: str, message: str, fix: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_sentence(text)
    assert caught.value.args[0] == message and fix in caught.value.args[1]


def test_both_forms_of_a_file() -> None:
    text = """# what a release needs
- accuracy >= 0.93
- no finding: overconfident
- check: recall[cat] >= 0.85
  where: [confidence>=0.5, file~night]
- {check: n >= 10, subset: night}
- {no finding: rare_class, where: true_label=cat}
"""
    checks = parse_checks(text, "checks.yml").checks
    assert [check.line for check in checks] == [2, 3, 4, 6, 7]
    assert [check.title for check in checks] == [
        "accuracy >= 0.93",
        "no finding: overconfident",
        "recall[cat] >= 0.85 where confidence>=0.5 and file~night",
        "n >= 10 where subset night",
        "no finding: rare_class where true_label=cat",
    ]
    indented = "subsets:\n  night: weather=night\nchecks:\n" + "\n".join(f"  {line}" for line in text.splitlines())
    file = parse_checks(indented, "checks.yml")
    assert file.subsets == {"night": ("weather=night",)} and [c.title for c in file.checks] == [c.title for c in checks]
    assert file.checks[0].line == 5


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("", 1, "There are no checks here."),
        ("accuracy >= 0.9", 1, "There are no checks here."),
        ("[]", 1, "There are no checks here."),
        ("# one\nchecks:\n", 2, "There are no checks here."),
        ("- accuracy >= 0.9\n- [n >= 1", 2, "This is not YAML: "),
        ("- {check: recall[cat] >= 0.9, where: n=1}", 1, "This is not YAML: "),
        ("- accuracy >= 0.9\n-\n", 2, "A text is missing here."),
        ("- accuracy >= 0.9\n- - n >= 1", 2, "A text is missing here."),
        ("- accuracy >= 0.9\n- acc >= 0.9", 2, "There is no metric 'acc'."),
        ("- {check: n >= 1, were: a=b}", 1, "'were' is not known here."),
        ("- where: a=b", 1, "This says nothing to check."),
        ("- {check: n >= 1, no finding: rare_class}", 1, "This says nothing to check."),
        ("- check: n >= 1\n  check: n >= 2", 2, "'check' is here twice."),
        ("- check: n >= 1\n  where:\n    - confidence<0.7\n    - confidence", 4, "'confidence' is not a condition."),
        ("check: n >= 1", 1, "'check' is not known here."),
        ("subsets: night\nchecks: [n >= 1]", 1, "subsets has no names."),
        ("- accuracy >= 0.5\n- ece15 <= 3", 2, "ece15 lies between 0 and 1"),
        ("- n >= 1e999999999", 1, "'1e999999999' is not a number."),
        ("[" * 5000, 1, "This is nested too deeply to be read."),
        ("- {check: n >= 1, where: file==a.png}", 1, "'file==a.png' has one = too many."),
        ("subsets:\n  night: weather !== night\nchecks: [n >= 1]", 2, "'weather !== night' has one = too many."),
        ("- !!python/object/apply:os.system [ls]", 1, "A text is missing here."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        parse_checks(text, "checks.yml")
    assert caught.value.code == "checks" and caught.value.fix
    assert caught.value.message.startswith(f"checks.yml, line {line}: {message}")


def test_a_class_name_may_begin_with_an_equals_sign() -> None:
    (check,) = parse_checks("- {check: n >= 1, where: true_label==cat}", "checks.yml").checks
    assert check.where == ("true_label==cat",)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "checks.yml"
    file.write_bytes("- recall[Kätzchen] >= 0.5".encode("utf-8-sig"))
    assert read_checks(file).checks[0].demand == Comparison("recall", "Kätzchen", "value", ">=", 0.5, False)
    for data, message in ((b"- \xff", "UTF-8"), (b"#" * (2**20 + 1), "megabyte")):
        file.write_bytes(data)
        with pytest.raises(DatasetError, match=message):
            read_checks(file)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_checks(tmp_path / "none.yml")


def test_the_example_in_the_readme() -> None:
    (example,) = re.findall(r"```yaml\n(.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    file = parse_checks(example, "README.md")
    assert len(file.checks) == 7 and file.subsets == {"unsure": ("confidence<0.7",)}
    assert {type(check.demand) for check in file.checks} == {Comparison, NoFinding, NotWorse}
    assert file.checks[-1].title == "accuracy >= 0.5 where subset unsure"
