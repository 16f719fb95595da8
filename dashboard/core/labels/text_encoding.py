"""Decodes text files: UTF-8, and UTF-16 or UTF-32 where the file says so. Other encodings are not guessed."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip  # the mark of UTF-32 begins like the one of UTF-16
SAVE_AS_UTF8 = 'In Excel, save it as "CSV UTF-8 (comma delimited)".'
FIRST_BYTES = 8  # of the names of columns, which are likely ASCII


def decode_text(data: bytes) -> str:
    """The text of a file. Raises UnicodeDecodeError when it is neither UTF-8 nor marked as UTF-16 or UTF-32."""
    return data.decode(encoding_of(data))


def encoding_of(data: bytes) -> str:
    """The encoding of a text file that begins like this: UTF-8 unless it says another one."""
    marked = (encoding for mark, encoding in _MARKS if data.startswith(mark))
    return next(marked, "") or _utf16_without_mark(data) or "utf-8"


def where_not_utf8(error: UnicodeDecodeError) -> str:
    """The place of the first bytes that are not UTF-8: `line 2, near 'k\N{REPLACEMENT CHARACTER}se'`."""
    line_start = error.object.rfind(b"\n", 0, error.start) + 1
    near = bytes(error.object[max(line_start, error.start - 10) : error.start + 10]).splitlines()[0]
    shown = "".join(c if c.isprintable() else " " for c in near.decode("ascii", "replace"))
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"line {line:,}, near '{shown}'"


def _utf16_without_mark(data: bytes) -> str | None:
    """The encoding if every other byte of the beginning is 0, as in UTF-16 text in English; else None."""
    first = data[:FIRST_BYTES]
    if len(first) >= 4 and not any(first[1::2]) and all(first[::2]):
        return "utf-16-le"
    if len(first) >= 4 and not any(first[::2]) and all(first[1::2]):
        return "utf-16-be"
    return None
