"""The rules of the house, held by walking through the syntax trees: what may import what, and what may not be called so."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py")), *sorted((ROOT / "dashboard").rglob("*.py"))]
HEAVY = {"tensorflow", "keras"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importing(folder: str, *modules: str) -> list[str]:
    """The files below `folder` that import one of the modules or something in them."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        if path.relative_to(ROOT).as_posix().startswith(folder)
        for name in imports(path)
        if any(name == module or name.startswith(f"{module}.") for module in modules)
    ]


def test_core_knows_neither_streamlit_nor_altair_nor_tensorflow() -> None:
    assert importing("dashboard/core/", "streamlit", "altair", *HEAVY) == []


def test_tensorflow_is_imported_by_workers_and_training_only() -> None:
    allowed = ("dashboard/worker/", "dashboard/training/")
    assert [found for found in importing("", *HEAVY) if not found.startswith(allowed)] == []
    assert importing("dashboard/worker/", "tensorflow") and importing(
        "dashboard/training/", "keras"
    )  # the search finds them


@pytest.mark.parametrize(
    "folder, others",
    [
        ("dashboard/core/", ("dashboard.ui", "dashboard.worker", "dashboard.training", "dashboard.cli", "dashboard.main", "pages")),
        ("dashboard/ui/", ("dashboard.worker", "dashboard.training", "dashboard.cli", "pages")),
        ("dashboard/worker/", ("dashboard.ui", "dashboard.training", "streamlit", "altair", "pages")),
        ("dashboard/training/", ("dashboard.ui", "dashboard.worker", "streamlit", "altair", "pages")),
        ("dashboard/cli", ("dashboard.ui", "dashboard.worker", "streamlit", "pages")),
        ("pages/", ("dashboard.worker", "dashboard.training", "dashboard.cli", "sklearn", "scipy", "PIL", "cv2")),
    ],
)  # fmt: skip
def test_the_arrows_point_one_way(folder: str, others: tuple[str, ...]) -> None:
    assert importing(folder, *others) == []


def test_names_of_modules() -> None:
    stdlib = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    names = {path.stem: path for path in SOURCES} | {path.parent.name: path for path in SOURCES if path.parent != ROOT}
    assert [str(path) for name, path in names.items() if name in FORBIDDEN_NAMES | stdlib] == []


def test_every_table_chart_and_image_has_words_for_those_who_do_not_see_it() -> None:
    ui = [path for path in SOURCES if path.parent.name in ("ui", "pages")]
    calls = [
        (path.name, node.func.attr, {keyword.arg for keyword in node.keywords})
        for path in ui
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    shown = [
        c
        for c in calls
        if c[1] in ("dataframe", "data_editor", "altair_chart") or (c[1] == "image" and "width" in c[2])
    ]
    assert len(shown) > 20
    assert [(file, name) for file, name, keywords in shown if "alt" not in keywords] == []


def test_pages_are_thin() -> None:
    """Widgets and calls: no classes, no reading or writing of files."""
    for path in sorted((ROOT / "pages").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)], path
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not called & {"open", "write_bytes", "write_text", "unlink", "mkdir", "groupby", "einsum"}, path
        assert not {"subprocess", "threading", "zipfile", "tarfile", "pyarrow"} & set(imports(path)), path


def test_the_server_process_never_imports_tensorflow() -> None:
    """Everything that app.py, the entry script, the pages, ui and core import, imported in one fresh process."""
    server = [p for p in SOURCES if not p.is_relative_to(ROOT / "dashboard" / "worker")]
    server = [p for p in server if not p.is_relative_to(ROOT / "dashboard" / "training")]
    modules = {name for path in server for name in imports(path) if name.startswith("dashboard.") and _is_module(name)}
    modules |= {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in server if p.parent.name in ("core", "ui")}
    modules -= {"dashboard.main"} | {m for m in modules if m.startswith("dashboard.worker")}
    assert {"dashboard.ui.resources", "dashboard.core.worker_pool", "dashboard.core.diagnostics"} <= modules
    program = "import importlib, sys\nfor m in sys.argv[1:]: importlib.import_module(m)\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, *sorted(modules)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "dashboard.core.evaluation" in loaded and not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("dashboard.worker")}


def _is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()
