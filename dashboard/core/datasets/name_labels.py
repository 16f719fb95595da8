"""Labels that stand in the names of files, such as cat.0.jpg and dog_12.png. They are used only if the user says so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from dashboard.core.datasets.choices import FILE_NAMES, FOLDERS
from dashboard.core.errors import counted, listed
from dashboard.core.questions import Answer, Question

_NUMBERED = re.compile(r"(.*?[^\W\d_])[ ._-]*(?:\d+|\(\d+\))")  # the label, and the number of the image


def labels_in_names(names: Sequence[str]) -> list[str]:
    """The label in the name of each image; [] unless all have one, there are several, and each is likely to repeat."""
    labels = []
    for name in names:
        last = name.rpartition("/")[2]
        found = _NUMBERED.fullmatch(last.rpartition(".")[0] or last)
        if found is None:
            return []
        labels.append(found[1])
    different = len(set(labels))
    return labels if 1 < different <= len(labels) / 2 else []


def ask_for_names(dataset_name: str, labels: Sequence[str], folders: Sequence[str], chosen: str) -> Question:
    """The question whether the names of the files are the labels.

    Args:
        labels: of each image, in its name.
        folders: the names of the folders that would be the labels otherwise.
        chosen: FILE_NAMES if the user said so.
    """
    called = "name of the folder" if len(folders) == 1 else "names of the folders"
    others = f"the {called}, {listed(folders)}" if folders else "no labels: predict without comparing"
    answers = (
        Answer(FILE_NAMES, f"the beginnings of the file names: {in_words(labels)}"),
        Answer(FOLDERS, others),
    )
    return Question("labels", f"What holds the labels of {dataset_name}?", answers, chosen or FOLDERS, bool(chosen))


def in_words(labels: Sequence[str]) -> str:
    """Each label with the number of its images."""
    return listed([f"{label} ({counted(count, 'image')})" for label, count in Counter(labels).most_common()])
