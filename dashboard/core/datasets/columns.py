"""Known names of table columns, array keys and record features. In each list, the most certain name comes first."""

from __future__ import annotations

import contextlib
import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

# Tables of labels or predictions, with one row per image file
FILE_COLUMNS = (
    "file", "file_name", "filename", "file_path", "filepath", "path", "image", "image_name", "image_path", "img", "name",
    "imgpath", "img_path", "img_name", "image_file",
    # German, French, Spanish, Italian and Portuguese
    "datei", "dateiname", "dateipfad", "pfad", "bild", "bildname", "bilddatei", "bildpfad", "foto",
    "fichier", "nom_fichier", "nom_de_fichier", "nom_du_fichier", "chemin", "photo",
    "archivo", "nombre_archivo", "nombre_de_archivo", "fichero", "imagen", "ruta",
    "immagine", "nome_file", "arquivo", "imagem", "nome_arquivo",
    "image_id", "img_id", "id", "image_url", "image_uri", "url", "uri",
)  # fmt: skip
LABEL_COLUMNS = (
    "true_label", "ground_truth", "groundtruth", "true_class", "y_true", "true", "actual", "truth", "true_labels", "gt", "gt_label", "ground_truth_label", "actual_label", "actual_class", "label_name", "class_name", "label", "labels", "class", "category", "target", "targets", "y",
    "klasse", "klassenname", "kategorie", "etikett",
    "classe", "\u00e9tiquette", "etiquette", "cat\u00e9gorie", "categorie",
    "clase", "etiqueta", "categor\u00eda", "categoria", "etichetta", "r\u00f3tulo", "rotulo",
    "choice", "class_id", "label_id",
)  # fmt: skip  # text first, since numbers may be in another order than the model's classes; choice is Label Studio's
PROBS_NAMES = (
    "pred_probs", "probs", "probabilities", "predictions", "y_prob", "y_pred_proba", "y_proba", "pred_proba",
    "predict_proba", "proba", "p", "arr_0",
)  # fmt: skip
ONE_PROB_NAMES = (*PROBS_NAMES, "prob", "probability", "score", "y_score")  # of one of two classes
_MOST_TITLES = 9  # rows above a header
PROBS_PREFIXES = ("p_", "prob_", "proba_", "probability_", "pred_probs_")  # followed by the name of a class
PREDICTED_COLUMNS = (
    "predicted_label", "predicted_class", "predicted", "prediction", "pred_label", "pred_class", "pred", "y_pred",
    "output",
    # German, French, Spanish, Italian and Portuguese
    "vorhersage", "vorhergesagt", "vorhergesagte_klasse",
    "pr\u00e9diction", "pr\u00e9dit", "classe_pr\u00e9dite", "classe_predite", "\u00e9tiquette_pr\u00e9dite",
    "predicci\u00f3n", "prediccion", "clase_predicha", "etiqueta_predicha",
    "predizione", "classe_predetta", "predi\u00e7\u00e3o", "predicao", "classe_prevista",
)  # fmt: skip
OBSERVED, OBSERVED_BESIDE = "obs", "pred"  # the true labels in a table of R's caret, whose predictions are called so
REASON_COLUMNS = ("reason",)  # why a row has no prediction

# Arrays in an .npz file
IMAGE_KEYS = ("images", "x_test", "test_images", "x", "image", "data", "x_train", "train_images", "imgs", "arr_0")
LABEL_KEYS = ("labels", "y_test", "test_labels", "y", "label", "targets", "y_train", "train_labels", "arr_1")

FILE_KEYS = tuple(key for column in FILE_COLUMNS for key in (f"{column}s", column))
CLASS_NAMES_KEYS = ("class_names", "classnames", "label_names", "target_names", "classes", "categories")

# Columns of Parquet and features of TFRecord that hold the images themselves
IMAGE_FEATURES = (
    "image/encoded", "image", "img", "images", "image_bytes", "image_raw", "jpeg", "png", "jpg", "bytes", "content",
)  # fmt: skip
LABEL_FEATURES = (
    "image/class/text", "label_name", "class_name", "label", "labels", "fine_label", "class", "category", "target",
    "image/class/label", "class_id", "y", "cls",
)  # fmt: skip  # text first, since numbers may count from 1
NAME_FEATURES = ("image/filename", "file_name", "filename", "file", "path", "name")

# Columns of yes and no: the splits of the images that say yes, and of the others
SPLITS_OF_YES_AND_NO = {
    "is_train": ("train", "test"), "is_training": ("train", "test"), "is_training_image": ("train", "test"),
    "is_test": ("test", "train"), "is_testing": ("test", "train"),
    "is_valid": ("val", "train"), "is_val": ("val", "train"), "is_validation": ("val", "train"),  # the first is fastai's
}  # fmt: skip
SPLIT_COLUMNS = (
    "split", "set", "subset", "partition", "ml_use", "data_set", "dataset", "data_split", "phase", "usage",
    *SPLITS_OF_YES_AND_NO,
)  # fmt: skip
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # between the words of ClassId and TrainData
_SEPARATORS = ",;\t|"
SEPARATOR_LINE = re.compile(r"\s*sep=([,;\t|])[\r\n]+", re.IGNORECASE)  # begins a CSV, and tells Excel the separator


def column_among(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column (or key, or feature) with the first wanted name that occurs; None if none occurs."""
    return next(iter(columns_among(columns, wanted)), None)


def columns_among(columns: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The columns (or keys, or features) with wanted names, in the order of these names.

    Case and surrounding white space do not matter. A space counts as `_`, and so does the hump in ClassId.
    """
    last_first = list(reversed(columns))
    by_name = {plain_column(HUMP.sub("_", column)): column for column in last_first}
    by_name |= {plain_column(column): column for column in last_first}
    return list(dict.fromkeys(by_name[name] for name in wanted if name in by_name))


def plain_column(column: str) -> str:
    """The name of a column in the spelling of the lists above."""
    return unicodedata.normalize("NFC", column).strip().casefold().replace(" ", "_")


def csv_separator(line: str) -> str:
    """The separator (`,` `;` tab or `|`) that gives the most cells; `,` if none occurs. Raises csv.Error."""
    cells = {separator: len(next(csv.reader([line], delimiter=separator), [])) for separator in _SEPARATORS}
    return max(cells, key=lambda each: cells[each])  # on a tie, the first


class TitleRowsError(ValueError):
    """Other rows stand above the names of a table's columns. `fix` says what to do."""

    def __init__(self, header: int, title: str, names_files: bool) -> None:
        super().__init__(f"its header seems to be in row {header}, below other rows ({title[:60]})")
        self.names_files = names_files  # whether one of the columns is called like names of files
        self.fix = f"Delete the rows above row {header}, so that it begins with the names of its columns."


def check_no_titles(lines: Iterable[str], first_row: int = 1) -> None:
    """Raises TitleRowsError if one of the first lines of a CSV names columns, but not the first one, which has fewer cells.

    Args:
        first_row: the number of the first line.
    """
    title: list[str] = []
    for row, line in enumerate(islice(lines, _MOST_TITLES + 1), first_row):
        cells: list[str] = []
        with contextlib.suppress(csv.Error):
            cells = [cell for cell in next(csv.reader([line], delimiter=csv_separator(line)), []) if cell.strip()]
        known = columns_among(cells, (*FILE_COLUMNS, *LABEL_COLUMNS, *PREDICTED_COLUMNS))
        n_known = len(known) + sum(cell.strip().startswith(PROBS_PREFIXES) for cell in cells)
        if not title and (n_known or line.startswith("#")):
            return
        if title and n_known >= min(2, len(title)) and len(cells) > len(title):
            raise TitleRowsError(row, ", ".join(title), column_among(cells, FILE_COLUMNS) is not None)
        title = title or cells
