"""Where the figures of a report come from: dataset, model, dates, packages, and the commands that give them again."""

from __future__ import annotations

import platform
import re
from datetime import datetime, timezone
from importlib import metadata

from dashboard.core.clock import utc_in_words
from dashboard.core.errors import counted, listed
from dashboard.core.images.preprocessing import FIT_NAMES, RESAMPLE_NAMES
from dashboard.core.runs.annotations import Annotations
from dashboard.core.runs.evaluate_again import evaluate_again, import_again
from dashboard.core.runs.filters import as_texts, in_words
from dashboard.core.runs.left_out import image_count
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.core.shell import in_command
from dashboard.reports.document import Fact, Section

PACKAGES = (
    "classifier-dashboard", "tensorflow", "keras", "numpy", "pillow", "opencv-python-headless", "pandas", "pyarrow",
    "scikit-learn", "scipy", "altair",
)  # fmt: skip
_MOST_OF_NAME = 60  # characters of a part of a file name
_ENDINGS = r"zip|tar|tgz|tar\.\w+|csv|tsv|json|npy|npz|parquet|tfrecord"
_LABELS_NAMED = 20


def facts_of(run: Run, annotations: Annotations, made: datetime) -> tuple[Fact, ...]:
    """The facts about a run that a reader needs to know what the figures are about.

    Args:
        made: when the report was made, with a time zone.
    """
    m = run.manifest
    images = f"{m.n_real_images:,}"
    if run.conditions:
        images = f"{image_count(run):,} of {images}"
    elif run.state != "finished":
        images = f"{image_count(run):,} of {images} (not finished: {run.state})"
    elif m.n_without_image:
        images += f", and {counted(m.n_without_image, 'row')} of a table that match no image"
    seconds = f", took {m.seconds:,.0f} s" if m.seconds >= 1 and not m.imported else ""
    found = [
        Fact("Dataset", m.dataset_name),
        Fact("Dataset SHA-256", m.dataset_sha256, is_code=True),
        Fact("Images", images),
        Fact("Filter", in_words(run.conditions) if run.conditions else ""),
        Fact("Model", m.model),
        Fact("Model SHA-256", m.model_sha256, is_code=True),
        Fact("If a picture has other proportions", FIT_NAMES[m.fit] if m.fit else ""),
        Fact("If a picture has another size", RESAMPLE_NAMES[m.resample] if m.fit else ""),
        Fact("Imported" if m.imported else "Evaluated", utc_in_words(m.created_utc) + seconds),
        Fact("Status", annotations.verdict),
        Fact("Note", annotations.note),
        Fact("Damaged", " ".join(fault.message for fault in run.file_faults.values())),
        Fact("Evaluation", m.run_id, is_code=True),
        Fact("Report made", utc_in_words(made.isoformat())),
    ]
    return tuple(fact for fact in found if fact.value)


def reading_of(manifest: RunManifest) -> Section | None:
    """How the dataset was read and what its labels mean; None if there is nothing to say."""
    text = list(manifest.notes)
    renamed = [f"{name} means {meant}" for name, meant in manifest.label_map if name != meant]
    if renamed:
        text.append(f"Labels: {listed(renamed, _LABELS_NAMED)}.")
    if manifest.unknown_labels:
        text.append(f"These labels are not classes of the model, so their images were left out: "
                    f"{listed(manifest.unknown_labels, _LABELS_NAMED)}.")  # fmt: skip
    return Section("reading", "How the dataset was read", tuple(text)) if text else None


def again(run: Run, compared: Run | None) -> Section:
    """The commands that give the same figures again, and the versions of the packages."""
    m = run.manifest
    command, note = import_again(m) if m.imported else evaluate_again(m)
    does = "imports the predictions" if m.imported else "evaluates"
    where = [option for text in as_texts(run.conditions) for option in ("--where", text)]
    other = ["--compare", compared.manifest.run_id] if compared else []
    report = ["python", "-m", "dashboard", "report", m.run_id, *other, *where, "--out", "report.html"]
    text = (
        f"The first command {does} again, the last one writes this report.",
        *([note] if note else []),
        f"Packages where this report was made: {', '.join(versions())}.",
    )
    commands = (command, " ".join(map(in_command, report)))
    return Section("again", "How to get these figures again", text, commands=commands)


def versions() -> list[str]:
    """The versions of Python and of those packages that the figures depend on, as far as they are installed."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def file_stem(manifest: RunManifest) -> str:
    """The name of files about a run, without a suffix: dataset, model and date."""
    date = datetime.fromisoformat(manifest.created_utc).astimezone(timezone.utc)
    return "-".join([*filter(None, (dataset_slug(manifest), _slug(manifest.model))), f"{date:%Y-%m-%d}"])


def dataset_slug(manifest: RunManifest) -> str:
    """The name of the dataset in letters, digits and `-_.`, without the ending of a file."""
    return _slug(re.sub(rf"\.({_ENDINGS})$", "", manifest.dataset_name, flags=re.IGNORECASE))


def _slug(name: str) -> str:
    return re.sub(r"[^\w.]+", "-", name)[:_MOST_OF_NAME].strip("-.")
