"""The rules of the house, read from the syntax trees: what may import what, and how modules may be called.

Each rule is a function from a source tree to its breaches. It must find none in this project, and the one that a test
plants for it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"tensorflow", "keras"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
MOST_IN_CORE, MOST_LINES_OF_A_PAGE = 8, 100

# The layers of dashboard/core, the lowest first. A file imports its own sub-package or a lower layer; files of the
# ground import each other.
LAYERS = (
    ("errors", "files", "shell", "settings", "clock", "background", "questions", "parsing"),
    ("metrics", "labels", "images", "engine", "database"),
    ("datasets", "access"),
    ("models", "runs"),
    ("explanations", "evaluation", "importing"),
    ("history",),
    ("analysis", "diagnostics", "feedback"),
)
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer}

# What a part of dashboard/ imports besides itself. ui, cli and api are the faces: none imports another.
ALLOWED = {
    "core": (),
    "charts": ("core",),
    "schemas": ("core",),
    "services": ("core",),
    "worker": ("core",),
    "training": ("core",),
    "reports": ("core", "charts"),
    "studies": ("core", "worker"),
    "web": (),
    "ui": ("core", "charts", "reports", "schemas", "services"),
    "cli": ("core", "reports", "schemas", "services"),
    "api": ("core", "reports", "schemas", "services", "web"),
    "server": ("core", "services", "ui", "api", "web"),
    "main": ("core", "services", "ui"),
    "__main__": ("cli", "core"),
}
PAGES_MAY_IMPORT = ("core", "services", "ui")
FORBIDDEN_PACKAGES = {
    "core": ("streamlit", "altair", *HEAVY),
    "charts": ("streamlit", *HEAVY),
    "reports": ("streamlit", *HEAVY),
    "schemas": ("streamlit", "altair", *HEAVY),
    "services": ("streamlit", "altair", *HEAVY),
    "worker": ("streamlit", "altair"),
    "training": ("streamlit", "altair"),
    "studies": ("streamlit", "altair"),
    "web": ("altair", *HEAVY),
    "cli": ("streamlit", "altair", *HEAVY),
    "ui": tuple(HEAVY),
    "main": tuple(HEAVY),
    "server": tuple(HEAVY),
}
POSIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline", "curses"}
ASK_FOR_THE_SYSTEM = (
    "dashboard/core/shell.py", "dashboard/core/engine/system.py",
    "dashboard/core/engine/template.py", "dashboard/worker/template.py",  # only so that type checkers know it
)  # fmt: skip
PAGES_MAY_NOT_IMPORT = ("sklearn", "scipy", "PIL", "cv2", "subprocess", "threading", "zipfile", "tarfile", "pyarrow")
PAGES_MAY_NOT_CALL = {"open", "write_bytes", "write_text", "unlink", "mkdir", "groupby", "einsum"}


def sources(root: Path, *folders: str) -> list[Path]:
    """The Python files of a source tree, or those below some of its folders."""
    places = folders or ("dashboard", "pages")
    found = [path for place in places for path in sorted((root / place).rglob("*.py"))]
    return found if folders else [*found, *root.glob("app.py")]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, anywhere in it; `from a import b` gives both `a` and `a.b`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(root: Path, path: Path) -> str:
    """The part of dashboard/ that a file belongs to: a folder or a single file in it."""
    return path.relative_to(root / "dashboard").parts[0].removesuffix(".py")


def layers_of_core(root: Path) -> Iterator[str]:
    core = root / "dashboard" / "core"
    for path in sources(root, "dashboard/core"):
        own = path.relative_to(core).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        if own not in LAYER_OF:
            yield f"{path.relative_to(root)}: {own} has no layer"
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] != ["dashboard", "core"] or len(parts) < 3 or parts[2] == own:
                continue
            other = LAYER_OF.get(parts[2])
            if other is None or (other >= LAYER_OF[own] and not other == LAYER_OF[own] == 0):
                yield f"{path.relative_to(root)}: {name}"


def imported_at_once(body: list[ast.stmt]) -> Iterator[str]:
    """Every module that a file imports when it is imported itself, as in `imports`."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, (ast.If, ast.Try, ast.With)) and "TYPE_CHECKING" not in ast.dump(node):
            yield from imported_at_once(node.body)


def no_files_need_each_other(root: Path) -> Iterator[str]:
    """Threads of the server import at the same time, which fails for files in a circle. A file needs its package."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sources(root, "dashboard")
    }
    needs = {
        name: ({*imported_at_once(tree_of(path).body), name.rpartition(".")[0]} & files.keys()) - {name}
        for name, path in files.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        yield " needs ".join(reversed(error.args[1]))


def few_files_on_the_ground_of_core(root: Path) -> Iterator[str]:
    files = [path.name for path in (root / "dashboard" / "core").glob("*.py") if path.name != "__init__.py"]
    if len(files) > MOST_IN_CORE:
        yield f"dashboard/core holds {len(files)} files: {', '.join(sorted(files))}"


def parts_import_only_what_they_may(root: Path) -> Iterator[str]:
    for path in sources(root, "dashboard"):
        part = part_of(root, path)
        if part == "__init__":
            continue
        if part not in ALLOWED:
            yield f"{path.relative_to(root)}: {part} is no part of the house"
            continue
        for name in imports(path):
            parts = name.split(".")
            outside = parts[0] == "dashboard" and len(parts) > 1 and parts[1] not in (part, *ALLOWED[part])
            if outside or parts[0] == "pages":
                yield f"{path.relative_to(root)}: {name}"


def no_forbidden_packages(root: Path) -> Iterator[str]:
    for path in sources(root, "dashboard"):
        forbidden = FORBIDDEN_PACKAGES.get(part_of(root, path), ())
        yield from (f"{path.relative_to(root)}: {name}" for name in imports(path) if name.split(".")[0] in forbidden)


def tensorflow_in_workers_and_training_only(root: Path) -> Iterator[str]:
    for path in sources(root):
        inside = any(path.is_relative_to(root / "dashboard" / part) for part in ("worker", "training"))
        if not inside:
            yield from (f"{path.relative_to(root)}: {name}" for name in imports(path) if name.split(".")[0] in HEAVY)


def folders_of_pages_do_not_import_each_other(root: Path) -> Iterator[str]:
    ui = root / "dashboard" / "ui"
    folders = {path.name for path in ui.iterdir() if path.is_dir()} if ui.is_dir() else set()
    for path in sources(root, "dashboard/ui"):
        own = path.relative_to(ui).parts[0]
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] == ["dashboard", "ui"] and len(parts) > 2 and parts[2] in folders - {own}:
                yield f"{path.relative_to(root)}: {name}"


def pages_are_thin(root: Path) -> Iterator[str]:
    """A page holds widgets and calls: no classes, no reading or writing of files, few lines."""
    for path in sources(root, "pages"):
        where, tree = path.relative_to(root), tree_of(path)
        if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES_OF_A_PAGE:
            yield f"{where}: more than {MOST_LINES_OF_A_PAGE} lines"
        yield from (f"{where}: class {node.name}" for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
        calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
        called = {function.attr for function in calls if isinstance(function, ast.Attribute)}
        yield from (f"{where}: calls {name}" for name in sorted(called & PAGES_MAY_NOT_CALL))
        for name in imports(path):
            parts = name.split(".")
            if parts[0] in PAGES_MAY_NOT_IMPORT:
                yield f"{where}: {name}"
            if parts[0] == "dashboard" and len(parts) > 1 and parts[1] not in PAGES_MAY_IMPORT:
                yield f"{where}: {name}"


def names_of_modules_say_something(root: Path) -> Iterator[str]:
    """Streamlit puts the entry script's folder first on sys.path, where a module could hide one of Python's own."""
    stdlib = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    for path in sources(root):
        names = {path.stem} | ({path.parent.name} if path.parent != root else set())
        yield from (f"{path.relative_to(root)}: {name}" for name in names & (FORBIDDEN_NAMES | stdlib))


def shown(root: Path) -> list[tuple[str, str, set[str | None]]]:
    """Each call in ui and pages that shows a table, a chart or an image: file, function, names of its arguments."""
    calls = [
        (str(path.relative_to(root)), node.func.attr, {keyword.arg for keyword in node.keywords})
        for path in sources(root, "dashboard/ui", "pages")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    return [
        call
        for call in calls
        if call[1] in ("dataframe", "data_editor", "altair_chart", "vega_lite_chart")
        or (call[1] == "image" and "width" in call[2])
    ]


def what_is_shown_has_words_for_those_who_do_not_see_it(root: Path) -> Iterator[str]:
    yield from (f"{file}: {name} without alt" for file, name, keywords in shown(root) if "alt" not in keywords)


def no_two_files_use_the_same_widget_key(root: Path) -> Iterator[str]:
    """Streamlit keeps values by key: a page would get the value that was chosen on another one."""
    files: dict[str, set[str]] = {}
    for path in sources(root, "dashboard/ui", "pages"):
        calls = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))
        for keyword in (keyword for call in calls for keyword in call.keywords if keyword.arg == "key"):
            if isinstance(keyword.value, ast.Constant):
                files.setdefault(str(keyword.value.value), set()).add(str(path.relative_to(root)))
    yield from (f"{key}: {', '.join(sorted(used))}" for key, used in files.items() if len(used) > 1)


def posix_only_in_its_place(root: Path) -> Iterator[str]:
    """Two modules ask which system this is; what only POSIX has is imported inside functions."""
    for path in sources(root, "dashboard", "pages"):
        file = str(path.relative_to(root))
        yield from (f"{file}: {name}" for name in imported_at_once(tree_of(path).body) if name in POSIX_ONLY)
        if file not in ASK_FOR_THE_SYSTEM:
            asked = (ast.unparse(node) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute))
            yield from (f"{file}: {name}" for name in asked if name in ("os.name", "sys.platform", "platform.system"))


Rule = Callable[[Path], Iterator[str]]
PLANTED: dict[Rule, dict[str, str]] = {
    layers_of_core: {"dashboard/core/metrics/x.py": "from dashboard.core.runs import store\n"},
    no_files_need_each_other: {
        "dashboard/core/runs/__init__.py": "from dashboard.core.runs.x import y\n",
        "dashboard/core/runs/x.py": "y = 1\n",
    },
    few_files_on_the_ground_of_core: {f"dashboard/core/file_{i}.py": "" for i in range(MOST_IN_CORE + 1)},
    parts_import_only_what_they_may: {"dashboard/cli/x.py": "def f():\n    from dashboard.ui import words\n"},
    no_forbidden_packages: {"dashboard/core/runs/deep/x.py": "import streamlit.web\n"},
    tensorflow_in_workers_and_training_only: {"dashboard/ui/predict/x.py": "def f():\n    import keras\n"},
    folders_of_pages_do_not_import_each_other: {
        "dashboard/ui/explain/x.py": "from dashboard.ui.predict import y\n",
        "dashboard/ui/predict/y.py": "",
    },
    pages_are_thin: {"pages/x.py": "from pathlib import Path\nPath('x').write_text('')\n"},
    posix_only_in_its_place: {
        "dashboard/core/runs/x.py": "import fcntl\n",
        "dashboard/ui/x.py": "import os\nif os.name == 'nt':\n    pass\n",
    },
    names_of_modules_say_something: {"dashboard/core/runs/queue.py": ""},
    no_two_files_use_the_same_widget_key: {
        "pages/x.py": "st.toggle('X', key='x')\n",
        "dashboard/ui/evaluate/x.py": "choose_one('X', NAMES, key='x')\n",
    },
    what_is_shown_has_words_for_those_who_do_not_see_it: {"dashboard/ui/evaluate/deep/x.py": "st.dataframe(table)\n"},
}


@pytest.mark.parametrize("rule", PLANTED, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("rule", PLANTED, ids=lambda rule: rule.__name__)
def test_the_rule_finds_a_planted_breach(rule: Rule, tmp_path: Path) -> None:
    assert list(rule(tmp_path)) == []
    for name, text in PLANTED[rule].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert len(list(rule(tmp_path))) >= 1


def test_the_rules_look_at_all_of_it() -> None:
    """The searches above find what is certainly there."""
    assert len(shown(ROOT)) > 20
    assert any(name.startswith("tensorflow") for path in sources(ROOT, "dashboard/worker") for name in imports(path))
    assert any(name.startswith("keras") for path in sources(ROOT, "dashboard/training") for name in imports(path))
    assert {"core", "ui", "cli", "worker", "services", "charts"} <= {
        part_of(ROOT, path) for path in sources(ROOT, "dashboard")
    }


def test_every_layer_is_there() -> None:
    core = ROOT / "dashboard" / "core"
    assert sorted(LAYER_OF) == sorted(
        {path.stem for path in core.iterdir() if path.is_dir() or path.suffix == ".py"} - {"__init__", "__pycache__"}
    )


def test_the_server_process_never_imports_tensorflow() -> None:
    """Everything that the entry script, the pages, ui, services and core import, in one fresh process."""
    parts = ("core", "ui", "charts", "reports", "schemas", "services.py", "cli")
    places = [path for part in parts for path in (ROOT / "dashboard").glob(f"{part}/**/*.py")]
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in [*places, ROOT / "dashboard" / "services.py"]
    }
    assert {"dashboard.ui.resources", "dashboard.core.engine.pool", "dashboard.core.diagnostics.diagnosis"} <= modules
    program = "import importlib, sys\nfor m in sys.argv[1:]: importlib.import_module(m)\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, *sorted(modules)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "dashboard.core.evaluation.driver" in loaded and not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("dashboard.worker")}
