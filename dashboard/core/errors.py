"""The errors that users see: each has a code for programs, and a message and a fix for people.

A fix may hold choices of the user. The command line names the option to type, the HTTP API the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from dashboard.core.shell import in_command

Code = Literal[
    # anything else
    "error", "cancelled", "permission", "system", "storage", "settings",
    # a request of the HTTP API
    "request",
    # arguments of a command
    "usage",
    # workers
    "engine_closed", "out_of_memory", "task_failed", "worker_failed", "worker_hung", "worker_lost", "worker_unavailable",
    # TensorFlow and other packages
    "dependency_broken", "tensorflow_broken", "tensorflow_missing",
    # a file from the network
    "checksum", "download_failed",
    # one image
    "image_unreadable", "empty", "not_an_image", "other_type", "too_large", "too_many_pixels", "truncated",
    "unreadable", "unsupported_pixels",
    # a dataset, whatever its format
    "dataset_unreadable", "bad_name", "choice", "damaged", "dataset_changed", "description", "missing", "no_images", "not_found",
    "several_splits", "unknown_format", "upload_mixed", "upload_too_large",
    # a dataset's labels
    "label_count", "label_missing", "label_unknown", "label_map", "labels_file", "labels_uncertain",
    "labels_unknown", "several_labels",
    # NumPy arrays
    "array_channels_first", "array_damaged", "array_keys", "array_labels", "array_objects", "array_order",
    "array_scalar", "array_shape", "array_size", "array_type",
    # ZIP archives
    "encrypted", "symlink", "zip_damaged", "zip_member", "zip_method", "zip_overlap", "zip_truncated",
    # tar archives
    "tar_compressed", "tar_damaged", "tar_expands", "tar_member", "tar_truncated",
    # Parquet and TFRecord files
    "parquet", "parquet_columns", "record", "tfrecord", "tfrecord_compressed", "tfrecord_features",
    # a model and its model.json
    "active_unknown", "model_unusable", "scaling_unknown", "color_unknown", "several_outputs", "multi_label", "bad_scaling", "class_names", "custom_layer", "input_size", "model_changed", "model_damaged", "model_format",
    "model_kills_worker", "model_memory", "model_missing", "model_record", "model_refused",
    "model_shape", "model_subclassed", "model_unknown", "model_unreadable", "model_weights_only", "not_finite",
    "other_network",
    # explanations
    "layer_unknown", "map_not_finite", "method_unknown", "no_conv_layer", "no_logits", "picture_gone",
    # evaluations, and predictions made elsewhere
    "checks", "filter", "image_unknown", "import_interrupted", "no_images_kept", "no_probabilities", "not_comparable",
    "pred_probs", "predictions",
    "run_damaged", "run_exists", "run_file_damaged", "run_failed", "run_in_use", "run_unfinished", "run_unknown", "run_unreadable",
    "run_vanished",
    # a new temperature for a model
    "no_best_temperature", "run_of_other_model", "temperature_not_better", "too_few_images",
    # the database, and what it keeps
    "database_damaged", "database_locked", "database_newer", "database_unavailable", "database_url",
    "cursor", "feedback", "prediction_unknown",
    # who may do what
    "not_yours", "unprotected", "password_wrong", "scope_missing", "scope_unknown", "token_expired", "token_missing", "token_revoked", "token_unknown", "too_many_tries",
]  # fmt: skip

_BETWEEN_BACKTICKS = re.compile(r"`([^`]+)`")
_PROGRAM_WITH_ARGUMENTS = re.compile(r"[\w./~-]+ .")


def _writable(text: str) -> str:
    """The text without half characters, which a damaged file may hold and no terminal or page can show."""
    return text.encode("utf-8", "replace").decode()


Topic = Literal["zip_encoding", "split", "labels", "label_column", "labels_from"]
TOPICS: tuple[Topic, ...] = get_args(Topic)
ChoiceName = Literal[Topic, "label_map"]


@dataclass(frozen=True)
class Choice:
    """One choice of the user: its name, or its name and what to choose."""

    name: ChoiceName
    value: str | None = None  # None: only the name is meant. In a label map "" leaves the images out
    label: str = ""  # in a label map: the label whose meaning `value` is

    def told(self, words: Words) -> str:
        """The choice in words."""
        return words(self)


def meaning(label: str, value: str) -> Choice:
    """The choice that a label means a class, "" (leave out) or NO_LABEL."""
    return Choice("label_map", value, label)


Words = Callable[[Choice], str]


class Part(Protocol):
    """What advice may hold besides text."""

    def told(self, words: Words) -> str:
        """The part with these words for choices."""
        ...


class Advice:
    """What to do about an error: texts and choices, one after the other."""

    def __init__(self, *parts: str | Part) -> None:
        self._parts = parts

    def told(self, words: Words) -> str:
        """The text, with these words for choices."""
        return "".join(part if isinstance(part, str) else part.told(words) for part in self._parts)

    def __str__(self) -> str:
        return self.told(as_option)


def as_option(choice: Choice) -> str:
    """A choice as it is typed on the command line."""
    option = "--map" if choice.name == "label_map" else f"--{choice.name.replace('_', '-')}"
    if choice.value is None:
        return option
    typed = f"{choice.label}={choice.value}" if choice.name == "label_map" else choice.value
    return f"{option} {in_command(typed)}"


class DashboardError(Exception):
    """An error with a known cause.

    `code` is stable and meant for programs; `message` says what happened and why; `fix` says what to do.
    It can be pickled, so that workers can send it to the server.
    """

    default_code: Code = "error"

    def __init__(self, message: str, fix: str | Advice = "", code: Code | None = None) -> None:
        super().__init__(message, fix, code)
        self.message = _writable(message)
        self.fix = _writable(str(fix))
        self.advice = fix  # what `fix` was made of
        self.code: Code = code or self.default_code

    def fix_in(self, words: Words) -> str:
        """`fix`, with these words for the choices in it instead of options of the command line."""
        return self.fix if isinstance(self.advice, str) else _writable(self.advice.told(words))

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class ImageError(DashboardError):
    """The bytes are not an image that a model can read."""

    default_code: Code = "image_unreadable"


class DatasetError(DashboardError):
    """A dataset as a whole cannot be used."""

    default_code: Code = "dataset_unreadable"


class ModelError(DashboardError):
    """A model version is missing, damaged or does not do what its model.json says."""

    default_code: Code = "model_unusable"


class BrokenVersionError(ModelError):
    """The folder of a model version cannot be used. `ref` is NAME@VERSION, and `reason` is the message without it."""

    def __init__(self, ref: str, reason: str, fix: str = "", code: Code | None = None) -> None:
        super().__init__(f"{ref}: {reason}", fix, code)
        self.ref, self.reason = ref, reason


class DependencyError(DashboardError):
    """A package that predictions need is missing, broken or of the wrong version."""

    default_code: Code = "dependency_broken"


class WorkerError(DashboardError):
    """The workers could not do a task: its worker died or took too long, also when tried again, or the pool is closed.

    `signal` is the name of the signal that ended the worker, None when none did or when we sent it ourselves because
    the worker overran its time, which `overran` says.
    """

    default_code: Code = "worker_failed"

    def __init__(
        self,
        message: str,
        fix: str = "",
        code: Code | None = None,
        signal: str | None = None,
        overran: bool = False,
    ) -> None:
        super().__init__(message, fix, code)
        self.signal, self.overran = signal, overran


class DatabaseError(DashboardError):
    """The database cannot be used, or not now."""

    default_code: Code = "database_unavailable"
    rows_refused = False  # True: what was to be written is at fault, so trying again does not help
    only_a_value = False  # True: all else can be used

    def again(self) -> DatabaseError:
        """An error that says the same, to be raised by another thread."""
        return DatabaseError(self.message, self.fix, self.code)


class AccessError(DashboardError):
    """The one who asks may not do this."""

    default_code: Code = "token_missing"


class Cancelled(DashboardError):
    """The user stopped the work."""

    default_code: Code = "cancelled"


def concerns_one_image(error: DashboardError) -> bool:
    """True for an error about one of several images, so that the others may be answered all the same.

    The image cannot be read, its heatmap is not finite, or its worker died or took too long over it.
    """
    if isinstance(error, WorkerError):
        return error.code not in ("worker_unavailable", "engine_closed")
    return isinstance(error, ImageError) or error.code == "map_not_finite"


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first few names, each cut to 80 characters, and the number of the others."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(name[:80] for name in names[:most]) + more


def listed_and(names: Sequence[str]) -> str:
    """All names, at least one, as a sentence lists them: "A", "A and B", "A, B and C"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def counted(count: int, unit: str) -> str:
    """`1 image` or `1,200 images`."""
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def commands_in(text: str) -> tuple[str, ...]:
    """The shell commands in a text: each text between backticks that is a program name with arguments."""
    return tuple(part for part in _BETWEEN_BACKTICKS.findall(text) if _PROGRAM_WITH_ARGUMENTS.match(part))
