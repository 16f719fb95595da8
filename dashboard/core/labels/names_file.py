"""Reads what the numbers of classes are called from a file such as labels.txt, class_indices.json, classes.csv or data.yaml."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress, dropwhile
from pathlib import PurePath
from typing import Any

from dashboard.core.labels.class_ids import are_numbers
from dashboard.core.labels.text_encoding import decode_text
from dashboard.core.parsing import parse_json

NAMES_SUFFIXES = frozenset({".txt", ".names", ".csv", ".tsv", ".json", ".yaml", ".yml", ".pbtxt"})
_ITEM = re.compile(r"item\s*\{(.*?)\n?\}", re.DOTALL)
_FIELD = re.compile(r"""\b(id|name|display_name)\s*:\s*(\d+|"[^"]*"|'[^']*')""")
_NUMBERED = re.compile(r"(\d{1,6})[\s:,;=]+(\S.*)")
_NUMBERED_AFTER = re.compile(r"(\S.*?)[\s:,;=]+(\d{1,6})")
_NAME_COLUMNS = ("name", "class_name", "classname", "class", "label", "category")
_ID_COLUMNS = ("id", "index", "idx", "class_id", "label_id", "number", "")
_NAMES_IN_JSON = (
    "class_names",
    "classes",
    "label_names",
    "target_names",
    "labels",
    "names",
    "class_indices",
    "categories",
)
_NAME_OF_NUMBER = re.compile(
    r"(id|idx|index|number|label|class|name|category)(_?to_?|2)(id|idx|index|label|class|name|category)"
)
_WORDS_OF_A_SENTENCE = 4
_LONGEST_YAML = 50_000  # more takes seconds to read


@dataclass(frozen=True)
class NumberedNames:
    """Names of classes by their numbers."""

    names: dict[int, str]
    is_list: bool = False  # the file has no numbers: the names are in order, and the first one is number 0 here


class NotNamesError(ValueError):
    """The content is something else than names of classes."""


class SeveralNamesError(ValueError):
    """A number has several names."""

    def __init__(self, numbers: Collection[int]) -> None:
        """Takes all numbers in the file."""
        super().__init__("it gives one number several names")
        self.numbers = frozenset(numbers)


class KeyTwiceError(ValueError):
    """YAML gives a key twice, of which only the last value would count."""


def read_names_file(data: bytes, name: str) -> NumberedNames:
    """The names in the content of a file called `name`.

    Text has one name per line, perhaps with its number before or after it ("0 cat"), perhaps below comments ("# mine").
    JSON is a list of names, or an object from names to numbers or from numbers to names, such as class_indices.json or the
    config of a model of Hugging Face; or a list of objects with id and name, as in COCO. YAML holds the same as JSON, such
    as YOLO's data.yaml.
    The README.md and dataset_infos.json of Hugging Face have the names of a column of class ids.
    CSV has a column of names, and perhaps one of numbers. A .pbtxt is a label map of TensorFlow's Object Detection API.

    Raises:
        SeveralNamesError: a number has two names.
        KeyTwiceError: YAML has a key twice, with other names of classes.
        NotNamesError: the content has none of these forms.
        Exception: the content is damaged; see `core.parsing`.
    """
    text = decode_text(data)
    suffix = PurePath(name).suffix.lower()
    if suffix == ".json":
        return _from_json(parse_json(text))
    if suffix in (".yaml", ".yml"):
        return _from_yaml(_names_alone(_yaml(text)), _from_json)
    if suffix == ".pbtxt":
        return _from_items(text)
    if suffix == ".md":
        return _from_yaml(_yaml(_front_matter(text)), _only_class_labels)
    if suffix in (".csv", ".tsv"):
        return _from_table(_cells(text, name))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _from_lines(list(dropwhile(lambda line: line.startswith("# "), lines)))  # comments


def read_two_columns(data: bytes, name: str) -> NumberedNames | None:
    """The names in a CSV of two columns, whatever these are called: different whole numbers, and different texts.

    None if the content is something else. May raise any exception if it is damaged.
    """
    rows = [[cell.strip() for cell in row] for row in _cells(decode_text(data), name) if any(map(str.strip, row))]
    if len(rows) < 2 or any(len(row) != 2 for row in rows):
        return None
    for number, text in ((0, 1), (1, 0)):
        body = rows if are_numbers([rows[0][number]]) else rows[1:]  # below a header
        numbers, texts = [row[number] for row in body], [row[text] for row in body]
        if not are_numbers(numbers) or not all(any(map(str.isalpha, each)) for each in texts):
            continue
        if _all_different([*map(int, numbers)]) and _all_different(texts):
            return NumberedNames(dict(zip(map(int, numbers), texts, strict=True)))
    return None


def _cells(text: str, name: str) -> list[list[str]]:
    separator = "\t" if PurePath(name).suffix.lower() == ".tsv" else _separator(text)
    return list(csv.reader(io.StringIO(text), delimiter=separator))


def _yaml(text: str) -> Any:
    """The root of the tree of nodes that a YAML text describes. No values are made of them yet."""
    if len(text) > _LONGEST_YAML:
        raise ValueError(f"it is longer than {_LONGEST_YAML // 1000} thousand characters")
    import yaml  # only few datasets have such a file

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast
    try:
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "a line"
        raise ValueError(f"{line} of its YAML cannot be read ({(error.problem or '').removeprefix('but ')})") from error


def _names_alone(root: Any) -> Any:
    """The root without the keys that do not name classes, so that what these hold does not matter."""
    import yaml

    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    keys = [key.value if isinstance(key, yaml.ScalarNode) else "" for key, _ in pairs]
    named = [
        not isinstance(value, yaml.ScalarNode)
        for key, (_, value) in zip(keys, pairs, strict=True)
        if key in _NAMES_IN_JSON
    ]
    if not any(named) or "annotations" in keys:
        raise NotNamesError("it has no list `names`, so it may hold settings")
    kept = [key in _NAMES_IN_JSON or _NAME_OF_NUMBER.fullmatch(key) is not None for key in keys]
    root.value = list(compress(pairs, kept))
    return root


def _from_yaml(root: Any, read: Callable[[Any], NumberedNames]) -> NumberedNames:
    """What `read` finds in the value of a node. Raises KeyTwiceError if it finds something else with the other of two values."""
    doubled = _doubled_keys(root)
    found = _reading(root, read)
    if doubled:
        for node in {id(node): node for node, _ in doubled}.values():
            node.value.reverse()  # the last value of a key counts
        other = _reading(root, read)
        if found != other and not (isinstance(found, Exception) and isinstance(other, Exception)):
            keys = dict.fromkeys(key for _, key in doubled)
            raise KeyTwiceError(f"it has {' and '.join(f'the key {key[:80]!r}' for key in list(keys)[:3])} twice")
    if isinstance(found, Exception):
        raise found
    return found


def _reading(root: Any, read: Callable[[Any], NumberedNames]) -> NumberedNames | Exception:
    import yaml

    try:
        return read(yaml.SafeLoader("").construct_document(root))
    except Exception as error:
        return error


def _doubled_keys(root: Any) -> list[tuple[Any, str]]:
    """The nodes that have a key twice, each with the key. Raises ValueError if a node is there twice."""
    import yaml

    nodes, seen, doubled = [root], set(), []
    for node in nodes:
        if id(node) in seen:
            raise ValueError("it has aliases, which may expand to more than fits into memory")
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            doubled += [(node, key) for key, times in keys.items() if times > 1]
            nodes += chain.from_iterable(node.value)
    return doubled


def _only_class_labels(value: Any) -> NumberedNames:
    found = list(_class_labels(value))
    if not found:
        raise NotNamesError("it has no names of classes")
    if any(names != found[0] for names in found):
        raise ValueError("it has several columns of class ids")
    return NumberedNames(found[0])


def _front_matter(text: str) -> str:
    """The YAML at the beginning of a README.md of Hugging Face. Raises NotNamesError if there is none."""
    lines = [line.rstrip() for line in text.splitlines()]  # also as Windows ends them
    end = lines.index("---", 1) if lines[:1] == ["---"] and "---" in lines[1:] else 0
    if not end:
        raise NotNamesError("it has no YAML at its beginning")
    return "\n".join(lines[1:end])


def _class_labels(value: Any) -> Iterator[dict[int, str]]:
    """The names of each column of class ids that Hugging Face's description of a dataset has."""
    if isinstance(value, list):
        for each in value:
            yield from _class_labels(each)
    if isinstance(value, dict):
        label = value if value.get("_type") == "ClassLabel" else value.get("class_label")
        if isinstance(label, dict) and isinstance(names := label.get("names"), (list, dict)):
            numbered = enumerate(names) if isinstance(names, list) else names.items()
            yield {int(number): str(name) for number, name in numbered}
            return
        for each in value.values():
            yield from _class_labels(each)


def counts_up(numbers: Collection[int]) -> bool:
    """True for 0, 1, 2 ... or 1, 2, 3 ... in any order."""
    n = len(numbers)
    return n > 0 and sorted(numbers) in (list(range(n)), list(range(1, n + 1)))


def _from_items(text: str) -> NumberedNames:
    """The items of a label map: `item { id: 1 name: 'cat' }`, perhaps with a display_name, which people read."""
    items = [{key: value.strip("\"'") for key, value in _FIELD.findall(item)} for item in _ITEM.findall(text)]
    if not items or not all("id" in item and ("name" in item or "display_name" in item) for item in items):
        raise ValueError("its items have no id and name")
    return _numbered((int(item["id"]), item.get("display_name") or item["name"]) for item in items)


def _from_lines(lines: Sequence[str]) -> NumberedNames:
    if not lines:
        raise NotNamesError("it is empty")
    if sentences := [line for line in lines if line[-1] in ".:!?" and len(line.split()) >= _WORDS_OF_A_SENTENCE]:
        raise NotNamesError(f"it holds sentences rather than names ({sentences[0][:60]!r})")
    before = [_NUMBERED.fullmatch(line) for line in lines]
    if all(before):
        names = {int(found[1]): found[2].strip() for found in before if found}
        # otherwise the numbers belong to the names, as in 1 euro, 2 euro, 5 euro
        if len(names) == len(lines) and (counts_up(names) or _all_different(names.values())):
            return NumberedNames(names)
    after = [_NUMBERED_AFTER.fullmatch(line) for line in lines]
    if all(after):
        names = {int(found[2]): found[1].strip() for found in after if found}
        # otherwise the names are Class 1, Class 2 ...
        if len(names) == len(lines) and counts_up(names) and _all_different(names.values()):
            return NumberedNames(names)
    return _list(lines)


def _from_json(value: Any) -> NumberedNames:
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return _list(value)
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        if not all(isinstance(each.get("id"), int) and isinstance(each.get("name"), str) for each in value):
            raise NotNamesError("its objects have no id and name")
        return _numbered((each["id"], each["name"]) for each in value)
    if isinstance(value, dict) and next(_class_labels(value), None):
        return _only_class_labels(value)
    if isinstance(value, dict) and value and "annotations" not in value:
        known = [key for key in value if _NAME_OF_NUMBER.fullmatch(str(key))]
        for key in (*known, *_NAMES_IN_JSON):
            if isinstance(value.get(key), (dict, list)):
                return _from_json(value[key])
        if all(isinstance(each, int) and not isinstance(each, bool) for each in value.values()):
            return _numbered((number, str(name)) for name, number in value.items())
        # Keras' imagenet_class_index.json has ["n01440764", "tench"] for each number
        last = {str(key): each[-1] if isinstance(each, list) and each else each for key, each in value.items()}
        if all(key.isdecimal() and isinstance(each, str) for key, each in last.items()):
            times = Counter(last.values())  # two birds and machines of ImageNet are called "crane"
            return _numbered(
                (int(key), f"{each} ({value[key][0]})" if times[each] > 1 and isinstance(value[key], list) else each)
                for key, each in last.items()
            )
    raise NotNamesError("it is neither a list of names nor an object of names and numbers")


def _from_table(rows: Sequence[Sequence[str]]) -> NumberedNames:
    """The column that counts from 0 or 1 gives the numbers, if there is one; another column gives the names."""
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError("its rows are not equally long" if rows else "it is empty")
    header = [cell.lower() for cell in rows[0]]
    named = [header.index(name) for name in _NAME_COLUMNS if name in header]
    body = rows[1:] if named or set(header) & set(_ID_COLUMNS) - {""} else rows
    if not body:
        raise NotNamesError("it has only names of columns")
    columns = list(zip(*body, strict=True))
    if len(columns) == 1:
        return _list(columns[0])
    counting = [
        i for i, column in enumerate(columns) if all(map(str.isdecimal, column)) and counts_up(list(map(int, column)))
    ]
    others = [i for i in (named or range(len(columns))) if i not in counting] or [
        i for i in range(len(columns)) if i not in counting
    ]
    if len(counting) > 1 or (len(others) > 1 and not named) or not others:
        raise NotNamesError(f"it is not clear which of its columns holds the names ({', '.join(rows[0][:8])})")
    names = columns[others[0]]
    for numbers in (columns[i] for i in range(len(columns)) if named and not counting and header[i] in _ID_COLUMNS):
        different = set(map(int, numbers)) if all(map(str.isdecimal, numbers)) else set()
        if counts_up(different) and len(set(zip(numbers, names, strict=True))) > len(different):
            raise SeveralNamesError(different)
    return _numbered(zip(map(int, columns[counting[0]]), names, strict=True)) if counting else _list(names)


def _list(names: Iterable[str]) -> NumberedNames:
    return NumberedNames({number: name.strip() for number, name in enumerate(names)}, is_list=True)


def _numbered(pairs: Iterable[tuple[int, str]]) -> NumberedNames:
    pairs = list(dict.fromkeys(pairs))
    names = {number: name.strip() for number, name in pairs}
    if len(names) < len(pairs):
        if are_numbers([name for _, name in pairs]):
            raise NotNamesError("it gives numbers to numbers")
        raise SeveralNamesError(names)
    return NumberedNames(names)


def _all_different(names: Collection[object]) -> bool:
    return len(set(names)) == len(names)


def _separator(text: str) -> str:
    first = text.split("\n", 1)[0]
    return ";" if first.count(";") > first.count(",") else ","
