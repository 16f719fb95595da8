"""The list of error codes, and what of a message is a command."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from dashboard.core import errors
from dashboard.core.errors import Code, DashboardError, WorkerError, commands_in

ROOT = Path(__file__).resolve().parents[2]
TAKES_A_CODE = {"Failure", "UndecidedError"} | {
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, DashboardError)
}
CODE_IS_ARGUMENT = {"Failure": 0}  # 2 for all others


def results(value: ast.expr) -> Iterator[str]:
    """The strings that an expression may give: itself, or the branches of `a if ... else b`."""
    if isinstance(value, ast.IfExp):
        yield from results(value.body)
        yield from results(value.orelse)
    elif isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def codes_in(tree: ast.AST) -> Iterator[str]:
    """Every code that is passed to an error, given to a variable `code`, `default_code` or of type `Code`, or returned as a `Code`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            yield from (code for k in node.keywords if k.arg == "code" for code in results(k.value))
            place = CODE_IS_ARGUMENT.get(name, 2)
            if name in TAKES_A_CODE and len(node.args) > place:
                yield from results(node.args[place])
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            is_code = isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "Code"
            if is_code or {getattr(target, "id", "") for target in targets} & {"code", "default_code"}:
                yield from results(node.value)
        elif isinstance(node, ast.FunctionDef) and node.returns and "Code" in ast.unparse(node.returns).split(" | "):
            returned = (n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value)
            yield from (code for value in returned for code in results(value))


def test_the_list_holds_the_codes_that_are_used_and_no_others() -> None:
    paths = [path for folder in ("dashboard", "pages") for path in (ROOT / folder).rglob("*.py")]
    used = {code for path in paths for code in codes_in(ast.parse(path.read_text(encoding="utf-8")))}
    listed = get_args(Code)
    assert len(listed) == len(set(listed))
    assert sorted(used - set(listed)) == [], "codes that are missing in dashboard/core/errors.py"
    assert sorted(set(listed) - used) == [], "codes that nothing uses any more"


def test_codes_are_found_wherever_they_stand() -> None:
    program = (
        "raise ModelError('m', 'f', 'a')\n"
        "errors.WorkerError('m', code='b')\n"
        "Failure('c', 'm')\n"
        "stop(ImageError('m', 'f', 'd' if fault == 'no code' else 'e'))\n"
        "reason: Code = 'f'\n"
        "def choose() -> Code | None:\n    return None if fine('no code') else 'g'\n"
        "print('m', 'f', 'no code')\n"
    )
    assert sorted(codes_in(ast.parse(program))) == list("abcdefg")


def test_how_a_worker_ended_travels_with_the_error() -> None:
    error = WorkerError("It ended.", "Try again.", "worker_lost", signal="SIGILL", overran=True)
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.fix, again.code) == ("It ended.", "Try again.", "worker_lost")
    assert (again.signal, again.overran) == ("SIGILL", True)
    assert (WorkerError("It ended.").signal, WorkerError("It ended.").overran) == (None, False)


def test_an_error_without_a_code_has_the_one_of_its_class() -> None:
    assert (DashboardError("m").code, WorkerError("m").code) == ("error", "worker_failed")


def test_commands_are_what_a_shell_takes() -> None:
    fix = (
        'Save it with `model.save("x.keras")`, or run `.venv/bin/python -m pip install "a>=1"`, then `docker compose '
        "up -d`. The first row is `file,label`, its columns `label` and `image/encoded`; see `keras.Input((8, 8))`."
    )
    assert commands_in(fix) == ('.venv/bin/python -m pip install "a>=1"', "docker compose up -d")
    assert commands_in("Free some `space.") == ()
