"""Reads a file of checks: YAML with a list of checks, or with `checks:` and `subsets:`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import yaml

from dashboard.core.analysis.checks.check import Check, ChecksFile, wrong_line
from dashboard.core.analysis.checks.sentences import EXAMPLES, read_sentence
from dashboard.core.errors import DatasetError, listed
from dashboard.core.files import read_whole
from dashboard.core.runs.filters import parse_filter

_MOST_BYTES = 2**20
_MOST_ENTRIES = 100_000
_FORM = f"Write a list of checks, each on a line that begins with a hyphen: {EXAMPLES}."
_QUOTES = 'Inside braces, a check needs quotes: {check: "recall[cat] >= 85%", where: confidence<0.7}.'
_KEYS = ("check", "where", "subset", "no finding")


def read_checks(path: Path) -> ChecksFile:
    """The checks in a file.

    Raises:
        DatasetError: the file cannot be read, or a line is not a check; the message names the line.
    """
    try:
        data = read_whole(path)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.", "Name a file of checks.", "checks") from error
    if len(data) > _MOST_BYTES:
        raise DatasetError(f"{path} is larger than a megabyte.", "Name a file of checks.", "checks")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not text in UTF-8.", "Save it as UTF-8.", "checks") from error
    return parse_checks(text, path.name)


def parse_checks(text: str, name: str) -> ChecksFile:
    """The checks in the text of a file called `name`. Raises DatasetError as `read_checks` does."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        entries_in_all = _count(root, {})
    except RecursionError as error:
        raise wrong_line(name, 1, "This is nested too deeply to be read.", _FORM) from error
    except Exception as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise wrong_line(
            name, mark.line + 1 if mark else 1, f"This is not YAML: {problem}.", f"{_FORM} {_QUOTES}"
        ) from error
    if entries_in_all > _MOST_ENTRIES:
        raise wrong_line(
            name, 1, f"With all repetitions (*name), this has more than {_MOST_ENTRIES:,} entries.",
            "Give conditions that many checks share a name under `subsets:`.",
        )  # fmt: skip
    subsets: dict[str, tuple[str, ...]] = {}
    if isinstance(root, yaml.MappingNode):
        entries = _entries(root, name, ("checks", "subsets"))
        root = entries.get("checks")
        if "subsets" in entries:
            subsets = _subsets(entries["subsets"], name)
    if not isinstance(root, yaml.SequenceNode) or not root.value:
        raise wrong_line(name, _line(root), "There are no checks here.", _FORM)
    return ChecksFile(name, tuple(_check(node, name) for node in root.value), subsets)


def _count(node: yaml.Node | None, known: dict[int, float]) -> float:
    """The number of entries below a node if every alias is written out; infinite if one stands for a part of itself.

    Args:
        known: the numbers of the nodes that were counted before, by their ids.
    """
    if isinstance(node, yaml.CollectionNode) and id(node) not in known:
        known[id(node)] = math.inf  # until it is counted
        pairs = isinstance(node, yaml.MappingNode)
        below = [each for pair in node.value for each in pair] if pairs else node.value
        known[id(node)] = 1 + sum(_count(each, known) for each in below)
    return known.get(id(node), 1)


def _check(node: yaml.Node, name: str) -> Check:
    where: tuple[str, ...] = ()
    subset = ""
    if isinstance(node, yaml.MappingNode):
        entries = _entries(node, name, _KEYS)
        where = _conditions(entries["where"], name) if "where" in entries else ()
        subset = _text(entries["subset"], name) if "subset" in entries else ""
        if ("check" in entries) == ("no finding" in entries):
            raise wrong_line(
                name, _line(node), "This says nothing to check.", "Write `check: accuracy >= 0.9`, for example."
            )
        text = (
            _text(entries["check"], name) if "check" in entries else f"no finding: {_text(entries['no finding'], name)}"
        )
    else:
        text = _text(node, name)
    try:
        demand = read_sentence(text)
    except ValueError as error:
        message, fix = error.args
        raise wrong_line(name, _line(node), message, fix) from error
    return Check(" ".join(text.split()), _line(node), demand, where, subset)


def _subsets(node: yaml.Node, name: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(node, yaml.MappingNode):
        raise wrong_line(name, _line(node), "subsets has no names.", "Write lines such as `night: [weather=night]`.")
    return {key: _conditions(value, name) for key, value in _entries(node, name).items()}


def _entries(node: yaml.MappingNode, name: str, known: Sequence[str] | None = None) -> dict[str, yaml.Node]:
    """The values by key. Raises DatasetError for a key that is unknown or there twice."""
    found: dict[str, yaml.Node] = {}
    for key_node, value in node.value:
        key = _text(key_node, name)
        if known is not None and key not in known:
            raise wrong_line(name, _line(key_node), f"{key!r} is not known here.", f"Use {listed(known)}. {_FORM}")
        if key in found:
            raise wrong_line(name, _line(key_node), f"{key!r} is here twice.", "Keep one of them.")
        found[key] = value
    return found


def _conditions(node: yaml.Node, name: str) -> tuple[str, ...]:
    """The conditions of a filter: one text, or a list of texts."""
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return tuple(_condition(each, name) for each in nodes)


def _condition(node: yaml.Node, name: str) -> str:
    text = _text(node, name)
    try:
        (condition,) = parse_filter([text])
    except DatasetError as error:
        raise wrong_line(name, _line(node), error.message, error.fix) from error
    is_name = condition.column in (
        "true_label",
        "predicted_label",
        "tag",
    )  # may begin so; an unknown one is refused later
    if condition.operator in ("=", "!=") and condition.value.startswith("=") and not is_name:
        right = f"{condition.column}{condition.operator}{condition.value.lstrip('= ')}"
        raise wrong_line(name, _line(node), f"{text!r} has one = too many.", f"Write {right}.")
    return str(condition)


def _text(node: yaml.Node, name: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        raise wrong_line(name, _line(node), "A text is missing here.", _FORM)
    return str(node.value).strip()


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None else 1
