"""Labels files by their folder or by a labels file. Files and rows that do not fit are reported by name."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

import numpy as np

from dashboard.core.datasets.attributes import Attributes
from dashboard.core.datasets.contract import ONE_FOLDER_A_CLASS
from dashboard.core.datasets.file_names import WORDS_FOR_IMAGES, folder_of, is_image_name, suffix_of
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.label_value import OF_THIS_IMAGE
from dashboard.core.datasets.read_instead import read_instead
from dashboard.core.datasets.sample_list import PackedNames, SampleList
from dashboard.core.datasets.table_rows import RENAME_UPLOADED, LabelsTable, names_no_image, were_uploaded_alike
from dashboard.core.errors import Advice, Choice, DatasetError, ImageError, counted, listed

NO_SUCH_IMAGE = "names this file, but the dataset has no such image."  # behind the name of a table
_DOCUMENTS = frozenset(
    [
        ".txt",
        ".md",
        ".rst",
        ".log",
        ".csv",
        ".tsv",
        ".json",
        ".pbtxt",
        ".jsonl",
        ".ndjson",
        ".manifest",
        ".xlsx",
        ".xls",
        ".ods",
        ".cls",
        ".parquet",
        ".xml",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".cfg",
        ".py",
        ".ipynb",
        ".sh",
        ".md5",
        ".sha256",
        ".docx",
        ".doc",
        ".odt",
        ".rtf",
        ".pptx",
        ".names",
    ]
)
_BESIDE_PHOTOS = frozenset(  # edits and films of a phone, links, PDF: a table may still name them as images
    [
        ".aae",
        ".xmp",
        ".mov",
        ".mp4",
        ".m4v",
        ".avi",
        ".mkv",
        ".webm",
        ".3gp",
        ".mpg",
        ".mpeg",
        ".mts",
        ".wmv",
        ".mp3",
        ".m4a",
        ".wav",
        ".url",
        ".lnk",
        ".webloc",
        ".pdf",
    ]
)
_DOCUMENTS_WITHOUT_SUFFIX = frozenset({"readme", "license", "licence", "copying", "notice", "authors", "makefile"})
_UNLABELLED = frozenset({"unknown", "unlabeled", "unlabelled"})  # unless another split has a class of this name
IsImage = Callable[[str], bool]  # True for the name of an image


@dataclass(frozen=True)
class Labelling:
    """The samples of a dataset of files."""

    samples: SampleList  # the files in their order, then rows that match no file
    faults: dict[int, ImageError] = field(default_factory=dict)  # index of a sample -> why it cannot be evaluated
    notes: tuple[str, ...] = ()
    attributes: Callable[[], Attributes | None] = lambda: None  # reads those of the samples


def is_document(name: str, stems: Container[str] = ()) -> bool:
    """True for files that lie beside images, such as readme.txt, a film or a table that is not used. They are not counted.

    Args:
        stems: the names of the images without their suffix. A file without a suffix that is called so tells about that image.
    """
    suffix, last = suffix_of(name), name.rpartition("/")[2]
    return (
        suffix in _DOCUMENTS | _BESIDE_PHOTOS if suffix else last.lower() in _DOCUMENTS_WITHOUT_SUFFIX or last in stems
    )


def named_as_images(names: Sequence[str], positions: Sequence[int], table: LabelsTable) -> list[int]:
    """The films and the like, among the files at these positions, that a table names: these are counted."""
    beside = [i for i in positions if suffix_of(names[i]) in _BESIDE_PHOTOS]
    if not beside:
        return []
    find, folder = Finder([names[i] for i in beside]), folder_of(table.name)
    return sorted({beside[place] for file in table.files for place in find(file, folder).tolist()})


def by_folder(
    names: Sequence[str], class_in: Callable[[str], str | None], is_image: IsImage = is_image_name
) -> Labelling:
    """Labels each image with its class, see `ClassFolders`. Other files get no label."""
    samples = SampleList(names, (class_in(name) if is_image(name) else None for name in names), from_folders=True)
    loose = [names[i] for i in samples.unlabelled if is_image(names[i])]
    if not loose:
        return Labelling(samples)
    what = (
        "The images are not in class folders" if len(loose) == len(names) else f"Not in a class folder: {listed(loose)}"
    )
    return Labelling(samples, notes=(f"{what}; without a label, they are predicted, but not compared.",))


class ClassFolders:
    """Tells the class of a file by its folder."""

    def __init__(self, markers: Collection[str] = (), holding: Sequence[str] = (), others: Sequence[str] = ()) -> None:
        """Takes folders as paths.

        Args:
            markers: that are splits and no classes.
            holding: that hold the images.
            others: that hold all images, also of other splits.
        """
        self._markers = markers
        self._no_classes = _no_classes(markers, holding, others)
        parents = {marker.rpartition("/")[0] for marker in markers}
        self._split_inside = len(parents.difference(markers)) > 1  # cat/train, cat/test, dog/train ...
        self._known: dict[str, str | None] = {}

    def __call__(self, name: str) -> str | None:
        """The name of the folder that holds a file, with composed accents; None at the top level, and directly below a split."""
        folder = name.rpartition("/")[0]
        if folder not in self._known:
            self._known[folder] = self.class_of(folder)
        return self._known[folder]

    def class_of(self, folder: str) -> str | None:
        """The class of the files in a folder."""
        if folder in self._no_classes:
            folder = folder.rpartition("/")[0]
        if folder in self._markers:
            if not self._split_inside:
                return None
            while folder in self._markers:
                folder = folder.rpartition("/")[0]
        parts = [part for part in folder.split("/") if part not in ("", ".")]
        return unicodedata.normalize("NFC", parts[-1]) if parts and parts[-1] != ".." else None


def _no_classes(markers: Collection[str], holding: Sequence[str], others: Sequence[str]) -> frozenset[str]:
    """The folders of images that only hold those of the folder above: cat/images beside dog/images, or test/unknown.

    Takes the same as `ClassFolders`. A split has no classes, if the only folder in it says so.
    """
    last = {folder: folder.rpartition("/")[2].casefold() for folder in (*holding, *others)}
    if len({folder.rpartition("/")[0] for folder in holding}) > 1 and all(last[f] in WORDS_FOR_IMAGES for f in holding):
        return frozenset(holding)
    times = Counter(last[folder] for folder in others)
    found = []
    for folder in holding:
        split = folder.rpartition("/")[0]
        unlabelled = last[folder] in _UNLABELLED and times[last[folder]] < 2
        as_above = last[folder] == split.rpartition("/")[2].casefold()
        says_nothing = split in markers and (last[folder] in WORDS_FOR_IMAGES or unlabelled or as_above)
        if says_nothing and not any(each.startswith(f"{split}/") for each in holding if each != folder):
            found.append(folder)
    return frozenset(found)


def by_labels_file(
    names: Sequence[str],
    table: LabelsTable,
    elsewhere: Sequence[str] = (),
    is_image: IsImage = is_image_name,
    own_first: bool = False,
) -> Labelling:
    """Gives each file the label in its row. A named file that matches no image becomes a sample that cannot be read.

    A row that matches several images gives none of them its label; a note says so.

    Args:
        elsewhere: names of files in other splits. Rows for them are passed over.
        own_first: True: a row that fits a file here and one elsewhere is for the one here; False: it is uncertain.

    Raises:
        DatasetError: no row matches an image.
    """
    find, folder = Finder([*names, *elsewhere] if elsewhere and not own_first else names), folder_of(table.name)
    find_elsewhere = Finder(elsewhere) if elsewhere and own_first else None
    labels: list[str | None] = [None] * len(names)
    faults: dict[int, ImageError] = {}
    extra: dict[str, str | None] = {}
    extra_rows: list[int] = []
    several: list[str] = []
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, file in enumerate(table.files):
        if not file and table.labels[row] is None and row not in table.faults:
            continue  # an empty row of a spreadsheet
        found = find(file, folder)
        if len(found) == 1:
            if (position := int(found[0])) < len(names):
                rows_of[position].append(row)
            continue
        if len(found):
            several.append(file)
            continue
        if file in extra or (find_elsewhere and len(find_elsewhere(file, folder))):
            continue
        faults[len(names) + len(extra)] = ImageError(
            f"{table.name} {NO_SUCH_IMAGE}", "Add the image, or remove its row.", "missing"
        )
        extra[file] = table.labels[row]
        extra_rows.append(row)
    repeated, manifold = [], []
    for i, rows in rows_of.items():
        given = list(dict.fromkeys(label for row in rows if (label := table.labels[row]) is not None))
        if uncertain := [table.faults[row] for row in rows if row in table.faults]:
            faults[i] = uncertain[0]
        elif len(given) > 1:
            faults[i] = ImageError(
                f"{table.name} {OF_THIS_IMAGE}different labels: {listed(given)}.",
                "Keep one row for it.",
                "several_labels",
            )
            manifold.append(names[i])
        elif given:
            labels[i] = given[0]
        if len(rows) > 1:
            repeated.append(names[i])
    without = [names[i] for i in range(len(names)) if labels[i] is None and i not in faults and is_image(names[i])]
    notes = [f"Labels are taken from {table.name}.", *_against_folders(names, labels), *table.notes]
    if not rows_of:
        if several and elsewhere and not own_first:
            error = names_no_image(table, [*names, *elsewhere], find)
            raise DatasetError(
                error.message, Advice(error.fix, " If it is for one split only, choose this with ", Choice("split"), "."),
                error.code,
            )  # fmt: skip
        raise names_no_image(table, names, Finder(names) if elsewhere else find)
    if len(manifold) > 1 and not any(labels):
        raise DatasetError(
            f"{table.name} gives no image exactly one label: for each it has rows with different labels, as for "
            f"{manifold[0][:80]}. Only images with one class each can be evaluated.",
            Advice(
                "In a copy of it, keep only the rows of the classes that the model knows, at most one for each image; then "
                "give the copy with ",
                Choice("labels", "FILE"),
                ".",
            ),
            "labels_file",
        )
    if manifold:
        what = "1 image has" if len(manifold) == 1 else f"{len(manifold):,} images have"
        notes.append(f"{what} rows with different labels in {table.name}, so not evaluated: {listed(manifold)}.")
    if without:
        what = "1 image has" if len(without) == 1 else f"{len(without):,} images have"
        notes.append(f"{what} no label in {table.name}, so not compared: {listed(without)}.")
    if repeated:
        notes.append(f"Named more than once in {table.name}: {listed(repeated)}.")
    if extra:
        is_missing = f"{counted(len(extra), 'file')} named in {table.name} {'is' if len(extra) == 1 else 'are'} missing"
        notes.append(f"{is_missing}: {listed([*extra])}.")
    if several:
        fit = "fits several images, so it gives" if len(several) == 1 else "fit several images each, so they give"
        way_out = RENAME_UPLOADED if were_uploaded_alike(names) else "Write the whole path of each image in the table."
        notes.append(
            f"{counted(len(several), 'row')} of {table.name} {fit} no label: {listed(list(dict.fromkeys(several)))}. {way_out}"
        )
    all_names = PackedNames(chain(names, extra)) if extra else names
    samples = SampleList(all_names, chain(labels, extra.values()), without_image=range(len(names), len(all_names)))
    row_of = np.full(len(samples), -1)
    row_of[list(rows_of)] = [rows[0] for rows in rows_of.values()]
    row_of[len(names) :] = extra_rows
    attributes = partial(_attributes_at, table.name, table.attributes, row_of) if table.attributes else lambda: None
    return Labelling(samples, faults, tuple(notes), attributes)


def _against_folders(names: Sequence[str], labels: Sequence[str | None]) -> Iterator[str]:
    """A note on labels that contradict the folders, as far as these are called like labels; nothing if none does."""
    given = [
        (label.casefold(), name.rpartition("/")[0].rpartition("/")[2].casefold())
        for name, label in zip(names, labels, strict=True)
        if label
    ]
    called = {label for label, _ in given}
    against = sum(label != folder and folder in called for label, folder in given)
    if against:
        yield f"The table gives {against:,} of {counted(len(given), 'image')} another label than their folder."


def _attributes_at(name: str, read: Callable[[], Attributes], rows: np.ndarray) -> Attributes:
    attributes = read()
    if not attributes.columns.num_columns:
        return attributes
    if rows.max(initial=-1) >= len(attributes.columns):
        raise DatasetError(f"{name} was changed meanwhile.", "Evaluate the dataset again.", "dataset_changed")
    return attributes.at(rows)


def named_after_folders(labelling: Labelling, class_in: ClassFolders) -> Labelling:
    """Gives labels that are numbers the names of the folders, if the images of each number lie in one of their own."""
    samples = labelling.samples
    if len(samples.labels) < 2 or not all(label.lstrip("-").isdecimal() for label in samples.labels):
        return labelling
    folder_of_label: dict[str, str] = {}
    for sample in samples:
        if sample.label is not None and "/" in sample.name:
            folder = class_in(sample.name)
            if folder is None or folder_of_label.setdefault(sample.label, folder) != folder:
                return labelling
    folders = set(folder_of_label.values())
    if len(folders) < len(samples.labels) or all(folder.isdecimal() for folder in folders):
        return labelling
    told = listed([f"{label} is {folder}" for label, folder in folder_of_label.items()])
    note = f"The numbers get the names of the folders, since each has a folder of its own: {told}."
    return replace(labelling, samples=samples.renamed(folder_of_label), notes=(*labelling.notes, note))


def in_order(names: Sequence[str], table_name: str, labels: Sequence[str | None]) -> Labelling:
    """Gives the labels to the files in order. Raises DatasetError when their numbers differ."""
    if len(labels) != len(names):
        raise DatasetError(
            f"{table_name} has {len(labels):,} labels for {len(names):,} images.",
            "Give one label per image, in the same order.", "label_count",
        )  # fmt: skip
    return Labelling(SampleList(names, labels), notes=(f"Labels are taken from {table_name}.",))


def no_images(dataset_name: str, names: Sequence[str], reason: ImageError | None = None) -> DatasetError:
    """The error for a dataset without images, and the reason why a picture in it is none. Takes the names of its files."""
    if reason:
        return DatasetError(
            f"{dataset_name} holds no images that are read here. {reason.message}", reason.fix, "no_images"
        )
    only = f", only {listed(names, 4)}" if names else ""
    return DatasetError(
        f"{dataset_name} holds no images{only}.", read_instead(names) or ONE_FOLDER_A_CLASS, "no_images"
    )
