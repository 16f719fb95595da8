"""The error for labels that match no class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard.core.errors import Advice, DatasetError, Part, counted, listed, meaning
from dashboard.core.labels.class_names import NO_LABEL, OTHERS
from dashboard.core.labels.matching import LabelMapping
from dashboard.core.labels.synsets import synset_name
from dashboard.core.labels.why_unknown import why_unknown


def unknown_labels(
    mapping: LabelMapping,
    counts: Mapping[str, int],
    of: str,
    class_names: Sequence[str],
    noun: str,
    more: Sequence[str | Part] = (),
) -> DatasetError:
    """The error for labels that are not classes: they are neither dropped nor guessed.

    Args:
        counts: how many images, or rows, have each label. 0: only rows of a table whose image is missing.
        of: what has the classes: a model, or a file of predictions.
        noun: "image" or "row".
        more: further advice.
    """
    unknown = sorted(mapping.unknown, key=lambda label: -counts[label])
    lost, total = sum(counts[label] for label in unknown), sum(counts.values())
    sizes = {label: counted(counts[label], noun) if counts[label] else "no image is there" for label in unknown}
    each = listed([f"{named(label)} ({size})" for label, size in sizes.items()])
    what = "1 label is not a class" if len(unknown) == 1 else f"{len(unknown):,} labels are not classes"
    first = unknown[0]
    without = "predict without comparing" if noun == "image" else f"keep its {noun}s without comparing them"
    message = f"{what} of {of}: {each}; together {lost:,} of {total:,} labelled {noun}s."
    return DatasetError(
        " ".join((message, *why_unknown(mapping, class_names))),
        Advice(
            "Say what each means: ", meaning(first, "CLASS"),
            f" with one of its classes ({listed(class_names, 20)}), ", meaning(first, ""),
            f" to leave its {noun}s out, or ", meaning(first, NO_LABEL), f" to {without}. "
            "For all other labels at once: ", meaning(OTHERS, ""), " or ", meaning(OTHERS, NO_LABEL), ".",
            *more,
        ),
        "labels_unknown",
    )  # fmt: skip


def named(label: str) -> str:
    """The label with its name in WordNet, if it is an id of WordNet; else as it is, shortened."""
    name = synset_name(label)
    return f"{label} {name}" if name else label[:60]
