"""What the user has decided about a dataset that could be read in more than one way."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

ALL_SPLITS = "all"  # a split that means: pool the images of all splits
FOLDERS = "folders"  # instead of a table of labels: the names of the folders are the labels
FILE_NAMES = "file-names"  # the beginnings of the names of the images are the labels
NO_SPLITS = "none"  # a split that means: the folders called train or test are classes


@dataclass(frozen=True)
class Choices:
    """Answers to the questions of a dataset, see `Question.topic`. "" where the user has not chosen."""

    labels: str = ""  # a table inside the dataset, by its path there; the absolute path of a file elsewhere; FOLDERS; or FILE_NAMES
    split: str = ""  # the name of a split, ALL_SPLITS or NO_SPLITS
    zip_encoding: str = ""  # a codec of Python, for the names in a ZIP
    label_column: str = ""  # the column of a table that holds the labels

    def replaced_by(self, others: Choices) -> Choices:
        """These choices, but others where the user has chosen anew."""
        return Choices(*(new or old for new, old in zip(astuple(others), astuple(self), strict=True)))

    def __bool__(self) -> bool:
        return self != Choices()


NOTHING_CHOSEN = Choices()
CHOICE_TOPICS = frozenset(field.name for field in fields(Choices))  # the questions that these choices answer
