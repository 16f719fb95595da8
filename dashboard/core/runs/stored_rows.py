"""The rows in the folder of a run: in parts while the run is under way, packed into one file once it is complete.

Part 7 holds the rows of chunk 7, so the parts show which rows are missing. Each file is written completely or not at all.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.files import check_regular, rename
from dashboard.core.runs.parquet_file import parquet_writer
from dashboard.core.runs.rows import RowFiles, as_metadata, notes_in, read_notes, read_part, reading

_PACKED = "rows.parquet"


@dataclass(frozen=True)
class Part:
    """What is known of a stored part."""

    rows: int
    failed: int  # of the rows
    notes: Counter[str]  # images of each note on pixels


class StoredRows:
    """The rows in the folder of one run. The folder may be missing."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._packed = folder, folder / _PACKED

    def add_part(self, part: int, rows: pa.Table, notes: Mapping[str, int]) -> None:
        """Writes the rows of chunk number `part`. Writing a part again replaces it.

        Args:
            rows: with the columns `STORED`, in the order of `index`.
            notes: on how pixels were made from files, each with the number of its images.

        Raises:
            OSError: the rows could not be stored; nothing else has changed.
        """
        table = rows.replace_schema_metadata(as_metadata(notes))
        path = self._folder / f"part-{part:07d}.parquet"
        _put_folder_aside(path)
        with parquet_writer(path, table.schema) as writer:
            writer.write_table(table)

    def parts(self) -> dict[int, Part]:
        """The readable parts, by number."""
        found = {}
        for path in self.part_paths():
            try:
                rows = read_part(path)
                with reading(path):
                    status, notes = rows["status"].to_pylist(), notes_in(rows.schema)
                number = int(path.stem.partition("-")[2])
            except (OSError, ValueError) as error:  # its chunk is evaluated again
                logging.getLogger(__name__).warning("%s is damaged: %s", path, error)
                continue
            found[number] = Part(len(status), status.count("failed"), notes)
        return found

    def part_paths(self) -> Sequence[Path]:
        """The files of the parts that are not packed."""
        return sorted(self._folder.glob("part-*.parquet"))

    def growth(self) -> int:
        """The number of unpacked parts, rounded to two significant digits.

        A page that watches the run reloads when this number changes, so only when there is clearly more to see.
        """
        return int(float(f"{len(self.part_paths()):.2g}"))

    def is_packed(self) -> bool:
        """True if all rows are in one file."""
        return self._packed.is_file()

    def exist(self) -> bool:
        """True if there are files of rows, even if they are damaged."""
        return bool(self.part_paths()) or self.is_packed()  # in this order, see `files`

    def have_labels(self) -> bool:
        """False if no row has a true label, by the footers of the files, or if these cannot be read."""
        with contextlib.suppress(OSError):
            for path in self.part_paths() or [self._packed]:
                with reading(path):
                    footer = pq.read_metadata(path)
                    place = footer.schema.names.index("true_label")
                    for number in range(footer.num_row_groups):
                        column = footer.row_group(number).column(place)
                        if column.statistics is None or column.statistics.null_count != column.num_values:
                            return True
        return False

    def fault(self) -> str:
        """What is wrong with the rows of a finished run, as far as it can be told without reading them; "" for nothing."""
        try:
            check_regular(self._packed)
            return "" if self._packed.stat().st_size else f"{_PACKED} is empty"
        except FileNotFoundError:
            # the last look finds a file that was packed meanwhile
            return "" if self.exist() else f"{_PACKED} is missing"
        except OSError as error:
            return f"{_PACKED}: {error.strerror}"

    def files(self, class_names: Sequence[str]) -> RowFiles:
        """Reads the rows stored so far."""
        parts = self.part_paths()  # before looking for the packed file: they are removed once it is there
        if self.is_packed():
            return RowFiles([self._packed], class_names)
        return RowFiles(parts, class_names, self._packed)

    def sound_files(self, class_names: Sequence[str]) -> RowFiles:
        """Reads the parts that are not damaged, which are those that an evaluation keeps when it is resumed."""
        return RowFiles([path for path in self.part_paths() if _is_sound(path)], class_names, self._packed)

    def pack(self, rows: RowFiles) -> None:
        """Writes all rows into one file and removes the parts. Raises OSError."""
        _put_folder_aside(self._packed)
        rows.pack(self._packed)
        for path in self.part_paths():
            with contextlib.suppress(PermissionError):  # Windows keeps it while a page reads it; nobody needs it
                path.unlink()

    def notes_when_packed(self) -> Counter[str]:
        """The notes on pixels in the file of all rows, as for `add_part`. Raises OSError."""
        return read_notes(self._packed)


def _put_folder_aside(path: Path) -> None:
    """Makes room for a file where somebody put a folder. Raises OSError."""
    if path.is_dir():
        rename(path, path.with_name(f"{path.name}.damaged"))


def _is_sound(part: Path) -> bool:
    try:
        read_part(part)
    except OSError:
        return False
    return True
