"""What is read instead of files that hold images in a format that is not read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dashboard.core.datasets.cifar10_archive import FILE_NAME, has_batches
from dashboard.core.shell import as_called, in_command

_TO_PARQUET = (
    "import pyarrow as a, pyarrow.parquet as p; p.write_table(a.ipc.open_{0}('a.{1}').read_all(), 'a.parquet')"
)
_PARQUET = 'Save it as Parquet, which is read: `python -c "{0}"`.'
_MODEL = "Add a Keras model with `python -m dashboard models add FILE --name NAME`, or see Diagnostics. "
_ADVICE = (
    (".keras", _MODEL.strip()),
    ("model.weights.h5", _MODEL.strip()),  # in a .keras file
    *(
        (suffix, f"{_MODEL}Images in HDF5 are not read: save them as files, one folder per class, or as .npy arrays.")
        for suffix in (".h5", ".hdf5")
    ),
    (
        ".npy",
        "Save all images as one array, images.npy, of uint8 (N, height, width, channels), and their classes in the same "
        "order as labels.npy; or save each as a PNG in the folder of its class.",
    ),
    (".arrow", _PARQUET.format(_TO_PARQUET.format("stream", "arrow"))),
    (".feather", _PARQUET.format(_TO_PARQUET.format("file", "feather"))),
)
_STL10 = re.compile(r"(^|/)(train|test|unlabeled)_X\.bin$")
_STL10_TO_ARRAYS = (
    "import numpy as n; x = n.fromfile('test_X.bin', 'u1').reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1); "
    "n.savez('stl10.npz', images=x, labels=n.fromfile('test_y.bin', 'u1') - 1, "
    "class_names=open('class_names.txt').read().split())"
)
_BINARY_BATCH = re.compile(r"(^|/)(data_batch_\d|test_batch)\.bin$")


def read_instead(names: Sequence[str]) -> str | None:
    """What to give instead of files with these names; None if that is not known."""
    if batches := [name for name in names if has_batches([name])]:
        files = " ".join(map(in_command, batches))
        return (
            f"CIFAR-10's batches are read from an archive: `tar -czf cifar10.tar.gz {files}` makes one, in that folder."
        )
    if any(map(_BINARY_BATCH.search, names)):
        return f"Give the Python version of CIFAR-10 instead: {FILE_NAME}, as it is downloaded."
    if any(map(_STL10.search, names)):
        return f'STL-10\'s binary files are not read. Save them as arrays: `python -c "{_STL10_TO_ARRAYS}"`.'
    found = (fix for suffix, fix in _ADVICE if any(name.lower().endswith(suffix) for name in names))
    return next(map(as_called, found), None)


def if_predictions() -> str:
    """What to do with a file without images, if it holds predictions."""
    return as_called("If it holds predictions, import it: `python -m dashboard import FILE`.")
