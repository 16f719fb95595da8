"""Finds the images that the rows of a table name."""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np

from dashboard.core.datasets.file_names import is_image_name, normal_name
from dashboard.core.datasets.repeated_names import name_before

_AFTER_SLASH = chr(ord("/") + 1)


class Finder:
    """Finds the images that a row may mean: by path, else by the end of the path, else by that without suffix.

    Folders may be missing at the beginning of the row's path, or of the image's path. Upper and lower case matter only
    where an image is found with them. Images that were uploaded with the same name are found by it, see `name_before`.
    """

    def __init__(self, names: Sequence[str], by_own_names: bool = False) -> None:
        """Takes the names of all images. Needs one string for each, and finds by binary search.

        Args:
            by_own_names: True: only by these names, and not by those with which images were uploaded.
        """
        self._names, self._by_own_names = names, by_own_names
        own = [normal_name(name) for name in names]
        paths = own if by_own_names else [*map(name_before, own)]
        self._numbered = Finder(names, by_own_names=True) if paths != own else None
        keys = [_backwards(path) for path in paths]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self._keys, self._positions = [keys[i] for i in order], np.array(order, np.int64)
        self._most_parts = max((key.count("/") for key in keys), default=1)
        self._suffixes = sorted({path[path.rfind(".") :] for path in paths if is_image_name(path)})

    def __call__(self, file: str, folder: str = "") -> np.ndarray:
        """The positions (n,) of the images that `file` may mean, in no order.

        Args:
            folder: the folder of the table that names the file, in the spelling of `normal_name`; "" at the top level.
        """
        found = self._in_this_case(file, folder)
        if len(found) or not file:
            return found
        found = self._in_any_case._in_this_case(file.casefold(), folder.casefold())
        return self._numbered(file, folder) if self._numbered and not len(found) else found

    @cached_property
    def _in_any_case(self) -> Finder:
        folded = [name.casefold() for name in self._names]
        return Finder(folded, self._by_own_names) if any(map(operator.ne, folded, self._names)) else self

    def _in_this_case(self, file: str, folder: str) -> np.ndarray:
        path = normal_name(file)
        if not path or path.endswith("/"):
            return self._positions[:0]
        for whole in (f"{folder}/{path}", path) if folder else (path,):
            first, end = self._equal(_backwards(whole))
            if end > first:
                return self._positions[first:end]
        first, end = self._beginning(_backwards(path.rpartition("/")[2]))
        spellings = [path] if end > first else [path + suffix for suffix in self._suffixes]
        spans = [(first, end) for each in spellings for first, end in self._ending_alike(each) if end > first]
        found = [self._positions[first:end] for first, end in spans]
        return found[0] if len(found) == 1 else np.concatenate([self._positions[:0], *found])

    def _ending_alike(self, path: str) -> Iterator[tuple[int, int]]:
        """Where the images are whose path ends with this one, and those whose path is an end of this one."""
        yield self._beginning(_backwards(path))
        parts = path.split("/")
        ends = accumulate(f"{part}/" for part in reversed(parts[1:][-self._most_parts :]))
        yield from map(self._equal, ends)

    def _beginning(self, key: str) -> tuple[int, int]:
        """Where the keys are that begin with this one: the first place, and the one after the last."""
        first = bisect_left(self._keys, key)
        if first == len(self._keys) or not self._keys[first].startswith(key):
            return first, first
        return first, bisect_left(self._keys, key[:-1] + _AFTER_SLASH, first)

    def _equal(self, key: str) -> tuple[int, int]:
        """Where the keys are that equal this one, as `_beginning`."""
        first = bisect_left(self._keys, key)
        if first == len(self._keys) or self._keys[first] != key:
            return first, first
        return first, bisect_right(self._keys, key, first)


def _backwards(path: str) -> str:
    """The parts of a path from the last to the first, each with a slash, so that paths with the same end sort together."""
    return "/".join(reversed(path.split("/"))) + "/"
