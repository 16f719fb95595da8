"""Whether packages can really be imported: tried in another process, because a broken package may end it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

LIMIT_S = 120.0
_MARK = "imported: "  # before each line of the answer, since packages may print, too
_PROGRAM = """
import importlib, importlib.util, json, sys, traceback

mark, paths, modules = json.loads(sys.argv[1])
sys.path[:] = paths
for module in modules:
    origin, fault, cause = "", "", module
    try:
        origin = getattr(importlib.util.find_spec(module), "origin", None) or ""
        importlib.import_module(module)
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"
        while error.__cause__ or error.__context__:
            error = error.__cause__ or error.__context__
        for frame, _ in traceback.walk_tb(error.__traceback__):
            name = frame.f_globals.get("__name__", "")
            cause = next((other for other in modules if name == other or name.startswith(other + ".")), cause)
    print(mark + json.dumps([module, origin, fault, cause]), flush=True)
"""


@dataclass(frozen=True)
class Imported:
    """What came of importing a module."""

    module: str
    origin: str = ""  # the file that Python takes for it; "" if there is none
    fault: str = ""  # why it cannot be imported; "" if it can
    cause: str = ""  # the module, of those that were asked for, whose own code failed


_sound: dict[tuple[str, ...], list[Imported]] = {}  # what could be imported once need not be tried again


def try_imports(modules: Sequence[str], limit_s: float = LIMIT_S) -> list[Imported]:
    """Imports the modules in this order in a new process, or in several if one ends it. Takes seconds. Raises OSError.

    If all can be imported, this process remembers it.
    """
    key = tuple(modules)
    if key in _sound:
        return _sound[key]
    found: list[Imported] = []
    while left := modules[len(found) :]:
        lines, how = _run(left, limit_s)
        found += [Imported(*json.loads(line.removeprefix(_MARK))) for line in lines if line.startswith(_MARK)]
        if how and len(found) < len(modules):
            module = modules[len(found)]
            found.append(Imported(module, "", f"its import {how}", module))
    if not any(each.fault for each in found):
        _sound[key] = found
    return found


def _run(modules: Sequence[str], limit_s: float) -> tuple[list[str], str]:
    """The lines that the process printed, and how it ended if it did not come to its end by itself."""
    command = [sys.executable, "-c", _PROGRAM, json.dumps([_MARK, sys.path, list(modules)])]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        encoding="utf-8", errors="replace",
    )  # fmt: skip
    with process:
        try:
            out, _ = process.communicate(timeout=limit_s)
            how = f"ended the process with code {process.returncode}" if process.returncode else ""
        except subprocess.TimeoutExpired:
            process.kill()
            out, how = process.communicate()[0], f"takes longer than {limit_s:.0f} s"
    lines = out.splitlines()
    told = sum(line.startswith(_MARK) for line in lines)
    return lines, how or ("" if told == len(modules) else "ended the process")
