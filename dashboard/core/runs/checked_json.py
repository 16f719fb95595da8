"""JSON files with a checksum, so that a changed digit is never taken for another figure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dashboard.core.files import json_bytes, read_whole, write_atomically

MOST_BYTES = 2**28  # the metrics of 5,000 classes hold 25 million counts
_CRC = re.compile(rb'\{\n  "crc32": "([0-9a-f]{8})",\n')
T = TypeVar("T")


def write_checked_json(path: Path, record: Mapping[str, Any], make_folder: bool = False) -> None:
    """Writes `record`, which is not empty, with the CRC-32 of its JSON as the first value, atomically.

    Raises OSError; also if the folder is missing, unless `make_folder`.
    """
    text = json_bytes(record)
    begin = b'{\n  "crc32": "%08x",\n' % zlib.crc32(text)
    write_atomically(path, begin + text.removeprefix(b"{\n"), make_folder)


def read_record(path: Path, record_type: TypeAdapter[T]) -> T:
    """Reads a record. Raises OSError, also if the file holds no such record."""
    text = read_checked_json(path)
    try:
        return record_type.validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, (path.name, *fault["loc"])))
        raise OSError(f"{where}: {fault['msg']}") from error
    except Exception as error:  # of a validator, which met a value that it does not expect
        raise OSError(f"{path.name}: {error}") from error


def read_checked_json(path: Path) -> bytes:
    """The JSON of the record, or the whole file if it has no checksum, as those of earlier versions.

    Raises OSError, also if the checksum does not match, or the file is larger than `MOST_BYTES`.
    """
    text = read_whole(path, MOST_BYTES)
    if found := _CRC.match(text):
        text = b"{\n" + text[found.end() :]
        if zlib.crc32(text) != int(found[1], 16):
            raise OSError(f"{path.name}: its checksum does not match")
    return text
