"""ZIPs whose headers say that their members cannot be unpacked here."""

from __future__ import annotations

import zipfile
from pathlib import Path


def with_method(path: Path, method: int, *names: str) -> Path:
    """Says in both headers of these members of a ZIP that they are compressed with another method."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: member.header_offset for member in archive.infolist()}
    for name in names or members:
        data[members[name] + 8 : members[name] + 10] = method.to_bytes(2, "little")
        central = data.rindex(name.encode()) - 46
        data[central + 10 : central + 12] = method.to_bytes(2, "little")
    path.write_bytes(data)
    return path


def encrypted(path: Path) -> Path:
    """Says in all headers of a ZIP that its members are encrypted."""
    data = bytearray(path.read_bytes())
    for place in (i for i in range(len(data)) if data[i : i + 4] in (b"PK\1\2", b"PK\3\4")):
        data[place + (8 if data[place + 2] == 1 else 6)] |= 1
    path.write_bytes(data)
    return path
