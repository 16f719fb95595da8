"""Damages inputs in a way that keeps their outer form, so that the damage reaches the code behind the first check."""

from __future__ import annotations

import io
import json
import pickletools
import random
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

from tests.fuzz.mutations import RAW, Mutation

WEIRD_TEXT = (
    "", " ", "\0", "\ud800", "\N{RIGHT-TO-LEFT OVERRIDE}png.exe", "../../x", "/etc/passwd", "CON", "=cmd|1", "a" * 5000,
    "nan", "-1", "1e999", "0x10", "null", "None", "true", "[1, 2]", "{}", "%s%n", "\N{PILE OF POO}", "a/b", "a\\b", "*",
)  # fmt: skip
_WEIRD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**63, 10**30, -(10**30), 1e308, float("nan"), float("inf"), [], {}, [[]],
    {"": ""}, [None], *WEIRD_TEXT,
)  # fmt: skip
_LONG = 10_000  # a longer text is not made longer still
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def raw(rng: random.Random, data: bytes) -> bytes:
    """One to three of the mutations of bytes."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(RAW)(rng, data)
    return data


def json_values(rng: random.Random, data: bytes) -> bytes:
    """A value has another type, size or depth, or a key is missing, there twice or unknown."""
    lines = data.splitlines() if data.count(b"\n{") and not data.startswith(b"{\n") else [data]
    at = rng.randrange(len(lines))
    lines[at] = json.dumps(_other_value(rng, json.loads(lines[at]))).encode("utf-8", "surrogatepass")
    found = b"\n".join(lines)
    if rng.random() < 0.03:
        return b"[" * 100_000 + found
    if rng.random() < 0.03:
        return found.replace(b":", b": " + b'{"a":' * 5000, 1)
    return found


def _other_value(rng: random.Random, root: Any) -> Any:
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key])

    if not isinstance(root, (dict, list)) or not root or rng.random() < 0.05:
        return rng.choice(_WEIRD_VALUES)
    walk(root)
    for _ in range(rng.choice((1, 1, 2, 4))):
        holder, key = rng.choice(places)
        action = rng.randrange(6)
        if action == 0 and isinstance(holder, dict):
            holder.pop(key, None)
        elif action == 1 and isinstance(holder, dict):
            holder[rng.choice(WEIRD_TEXT)] = rng.choice(_WEIRD_VALUES)
        elif action == 2 and isinstance(holder, list):
            holder.extend(holder[:50] * rng.choice((1, 20)))
        elif action == 3:
            holder[key] = [holder.get(key) if isinstance(holder, dict) else holder[key]]
        else:
            holder[key] = rng.choice(_WEIRD_VALUES)
    return root


def text(rng: random.Random, data: bytes) -> bytes:
    """Cells, words, separators, quotes, line ends and the encoding of a text."""
    found = data.decode("utf-8", "replace")
    for _ in range(rng.choice((1, 1, 2, 4))):
        words = list(re.finditer(r"[^\s,;:|\[\]{}\"']+", found))
        action = rng.randrange(7)
        if action < 3 and words:
            word = rng.choice(words)
            new = rng.choice((*WEIRD_TEXT, rng.choice(words)[0], "9" * 400))
            found = found[: word.start()] + new + found[word.end() :]
        elif action == 3:
            at = rng.randrange(len(found) + 1)
            found = found[:at] + rng.choice(",;\t|\"'\r\n:-#&*![]{}>%@`\\\0=~<") + found[at:]
        elif action == 4:
            lines = found.splitlines(keepends=True) or [""]
            line = rng.randrange(len(lines))
            lines[line : line + 1] = [lines[line]] * (rng.choice((0, 2, 500)) if len(found) < _LONG else 1)
            found = "".join(lines)
        elif action == 5:
            found = found.replace(*rng.choice(((",", ";"), ("\n", "\r"), ("\n", "\r\n"), (",", "\t"), (":", " :"))))
        else:
            return found.encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "cp1252", "utf-16-le")), "replace")
    return found.encode("utf-8", "surrogatepass")


def yaml_anchors(rng: random.Random, data: bytes) -> bytes:
    """Anchors and aliases that repeat themselves, tags, and depth."""
    bomb = b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 97 + 20))
    many = b"- &a {check: accuracy >= 0.9, where: [" + b",".join([b"a=b"] * 500) + b"]}\n" + b"- *a\n" * 500
    return rng.choice(
        (bomb + data, data + bomb, many, b"- &a [*a]\n", b"!!python/object/apply:os.system [ls]\n" + data, b"[" * 5000,
         b"- " * 3000 + data, b"? " * 2000, data.replace(b"- ", b"- &x ", 1) + b"\n- *x\n", b"--- \n" * 50 + data)
    )  # fmt: skip


def zip_members(inner: Sequence[Mutation] = (raw,)) -> Mutation:
    """Mutates members, or their names and methods, and writes the archive anew with right checksums."""

    def mutation(rng: random.Random, data: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        at = rng.randrange(len(members))
        name, content = members[at]
        action = rng.randrange(8)
        if action == 0:
            members[at] = (rng.choice(WEIRD_TEXT).replace("\0", "") + name[-5:], content)
        elif action == 1:
            del members[at]
        elif action == 2:
            members.insert(rng.randrange(len(members) + 1), members[at])
        else:
            members[at] = (name, rng.choice(inner)(rng, content))
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", rng.choice(_METHODS)) as archive:
            for name, content in members:
                archive.writestr(
                    zipfile.ZipInfo(name.encode("utf-8", "replace").decode()), content, rng.choice(_METHODS)
                )
        return out.getvalue()

    return mutation


def zip_headers(rng: random.Random, data: bytes) -> bytes:
    """One field of a header: version, flags, method, checksum, sizes, lengths, offset."""
    changed = bytearray(data)
    heads = [m.start() for m in re.finditer(rb"PK(?:\x01\x02|\x03\x04|\x05\x06)", data)]
    at = rng.choice(heads) + rng.randrange(4, 46)
    for i in range(at, min(at + rng.choice((1, 2, 4)), len(changed))):
        changed[i] = rng.choice((0, 1, 0xFF, 0x7F, rng.randrange(256)))
    return bytes(changed)


def zip_stream(rng: random.Random, data: bytes) -> bytes:
    """The compressed bytes of a member, beside a right checksum of what they were: the decoders see it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = rng.choice(archive.infolist())
    start = info.header_offset + 30 + len(info.filename.encode())
    end = start + info.compress_size
    new = rng.choice(RAW)(rng, data[start:end])[: end - start].ljust(end - start, b"\0")
    return data[:start] + new + data[end:]


def tar_members(inner: Sequence[Mutation] = (raw,)) -> Mutation:
    """Mutates members or their headers, and writes the archive anew with right checksums, plain or with gzip."""

    def mutation(rng: random.Random, data: bytes) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            members = [(member, archive.extractfile(member)) for member in archive]
            contents = [(member, file.read() if file else b"") for member, file in members]
        at = rng.randrange(len(contents))
        member, content = contents[at]
        action = rng.randrange(8)
        if action == 0:
            member.name = rng.choice(WEIRD_TEXT).replace("\0", "") or "x"
        elif action == 1:
            member.type = rng.choice((tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"S", b"x"))
            member.linkname = rng.choice([m.name for m, _ in contents])
        elif action == 2:
            member.pax_headers = {
                "comment": rng.choice(WEIRD_TEXT).replace("\0", ""),
                "size": str(rng.randrange(-9, 9)),
            }
        else:
            contents[at] = (member, rng.choice(inner)(rng, content))
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=rng.choice(("w", "w:gz")), format=rng.choice((0, 1, 2))) as archive:
            for member, content in contents:
                member.size = len(content) if member.isreg() else 0
                try:
                    archive.addfile(member, io.BytesIO(content))
                except (ValueError, UnicodeError):  # a name that this format cannot hold
                    continue
        return out.getvalue()

    return mutation


def png_chunks(rng: random.Random, data: bytes) -> bytes:
    """Mutates, repeats, moves or drops chunks, with right checksums."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : end - 4]))
        at = end
    which = rng.randrange(len(chunks))
    kind, content = chunks[which]
    action = rng.randrange(6)
    if action == 0:
        del chunks[which]
    elif action == 1:
        chunks.insert(rng.randrange(len(chunks)), chunks[which])
    elif action == 2 and kind == b"IDAT":
        try:
            chunks[which] = (kind, zlib.compress(raw(rng, zlib.decompress(content))))
        except zlib.error:  # of several chunks
            chunks[which] = (kind, raw(rng, content))
    else:
        chunks[which] = (kind, raw(rng, content))
    return data[:8] + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


def npy_header(rng: random.Random, data: bytes) -> bytes:
    """The text of an array's header, with the right length."""
    length = int.from_bytes(data[8:10], "little")
    header = data[10 : 10 + length].decode("latin-1").rstrip()
    choices = (
        lambda: header.replace("(", "(" * rng.choice((2, 50, 3000)), 1),
        lambda: re.sub(
            r"\d+", lambda _: str(rng.choice((0, -1, 2**31, 2**63, 10**40))), header, count=rng.choice((1, 3))
        ),
        lambda: re.sub(
            r"'[<>|=]?\w\d'", lambda _: repr(rng.choice(("|O", "<U9", ">c16", "V8", "<m8", "x", "i4,i4"))), header
        ),
        lambda: text(rng, header.encode()).decode("latin-1"),
        lambda: header.replace("False", rng.choice(("True", "None", "1", "[]", "f()"))),
        lambda: raw(rng, header.encode()).decode("latin-1"),
    )
    new = rng.choice(choices)().encode("latin-1", "replace")[:60_000] + b"\n"
    return data[:8] + struct.pack("<H", len(new)) + new + data[10 + length :]


def pickle_opcodes(rng: random.Random, data: bytes) -> bytes:
    """Drops, repeats, moves, changes or adds opcodes."""
    try:
        starts = [place or 0 for _, _, place in pickletools.genops(data)]
    except Exception:
        return raw(rng, data)
    parts = [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]
    for _ in range(rng.choice((1, 2, 5))):
        at = rng.randrange(len(parts))
        action = rng.randrange(5)
        if action == 0 and len(parts) > 1:
            del parts[at]
        elif action == 1:
            parts.insert(rng.randrange(len(parts)), parts[at])
        elif action == 2:
            parts[at] = rng.choice([each.code.encode("latin-1") for each in pickletools.opcodes]) + parts[at][1:]
        elif action == 3:
            parts[at] = raw(rng, parts[at])
        else:
            parts.insert(
                at,
                rng.choice(
                    (
                        b"cos\nsystem\n",
                        b"cnumpy\nndarray\n",
                        b"c_codecs\nencode\n",
                        b"r\xff\xff\xff\x7f",
                        b"R",
                        b"(",
                        b"b",
                        b"\x8b\xff\xff\xff\x7f",
                        b"]\x94h\x00a",
                        b"B\xff\xff\xff\xff",
                        b"0",
                        b"2",
                        b"N",
                        b"\x8e" + b"\xff" * 8,
                    )
                ),
            )
    return b"".join(parts)
