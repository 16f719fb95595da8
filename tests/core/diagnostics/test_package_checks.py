import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dashboard.core.diagnostics.checks import Check
from dashboard.core.diagnostics.imports import Imported, try_imports
from dashboard.core.diagnostics.not_started import why_not_started
from dashboard.core.diagnostics.package_checks import (
    MODULES,
    PYTHON,
    ROOT,
    Installed,
    check_import,
    check_packages,
    check_python,
    installed_packages,
    read_requirements,
)
from dashboard.core.shell import pip_command


def found(requirements: list[str], *installed: Installed) -> dict[str, Check]:
    checks = check_packages([Requirement(r) for r in requirements], {p.name: p for p in installed})
    return {check.id: check for check in checks}


def test_a_package_that_fits_is_fine() -> None:
    checks = found(["NumPy>=2.0,<3"], Installed("numpy", "2.4.6"))
    assert checks["package.numpy"].status == "ok"
    assert checks["package.numpy"].summary == "numpy 2.4.6 (>=2.0,<3 is required)"
    assert checks["conflicts"].status == "ok"


def test_a_missing_package_is_an_error_with_the_command() -> None:
    check = found(["tensorflow>=2.21,<2.22"])["package.tensorflow"]
    assert check.status == "error"
    assert "not installed" in check.summary
    assert [c.endswith("pip install -r requirements.txt") for c in check.commands] == [True]


@pytest.mark.parametrize(("version", "status"), [("1.26.4", "error"), ("2.0.0rc1", "error"), ("3.0", "warning")])
def test_too_old_is_an_error_and_too_new_a_warning(version: str, status: str) -> None:
    check = found(["numpy>=2.0,<3"], Installed("numpy", version))["package.numpy"]
    assert check.status == status
    assert check.summary == f"numpy {version} is installed, but >=2.0,<3 is required"


def test_keras_2_is_an_error() -> None:
    assert found(["keras>=3.13,<4"], Installed("keras", "2.15.0"))["package.keras"].status == "error"


def test_another_distribution_of_the_same_package_stands_in() -> None:
    check = found(["opencv-python-headless>=4.13,<6"], Installed("opencv-python", "4.13.0.92"))
    assert check["package.opencv-python-headless"].status == "ok"
    assert "opencv-python 4.13" in check["package.opencv-python-headless"].summary


@pytest.mark.parametrize(
    ("folder", "one", "other"),
    [
        ("cv2", "opencv-python-headless", "opencv-python"),
        ("cv2", "opencv-python-headless", "opencv-contrib-python"),
        ("tensorflow", "tensorflow", "tensorflow-cpu"),
    ],
)
def test_two_distributions_of_one_package_are_a_conflict(folder: str, one: str, other: str) -> None:
    checks = found([f"{one}>=1"], Installed(one, "4.13"), Installed(other, "4.13"))
    check = checks[f"conflict.{folder}"]
    assert check.status == "warning"
    assert one in check.summary
    assert other in check.summary
    remove, again = check.commands
    assert remove.endswith(f"uninstall -y {one} {other}")
    assert again.endswith(f'install "{one}>=1"')
    assert "conflicts" not in checks


def test_a_package_that_needs_another_version_is_a_conflict() -> None:
    tensorflow = Installed("tensorflow", "2.17.0", ("numpy<2.0,>=1.26", "protobuf>=4", 'rich; extra == "pretty"'))
    checks = found(
        ["tensorflow>=2.17", "numpy>=2"], tensorflow, Installed("numpy", "2.4.6"), Installed("protobuf", "7.0")
    )
    conflicts = [check for check_id, check in checks.items() if check_id.startswith("conflict")]
    assert [c.id for c in conflicts] == ["conflict.tensorflow.numpy"]
    assert "numpy 2.4.6 is installed" in conflicts[0].summary
    assert '"numpy<2.0,>=1.26"' in conflicts[0].commands[0]


def test_something_missing_deep_down_is_a_conflict() -> None:
    a, b = Installed("a", "1", ("b",)), Installed("b", "1", ("c>=2",))
    check = found(["a"], a, b)["conflict.b.c"]
    assert check.summary == "b 1 needs c>=2, but c is not installed"
    stranger = Installed("stranger", "1", ("missing",))
    assert "conflict.stranger.missing" not in found(["a"], Installed("a", "1"), stranger)


def test_a_stranger_that_needs_another_version_of_ours_is_named() -> None:
    check = found(["numpy"], Installed("numpy", "2.4"), Installed("old-tool", "1", ("numpy<2",)))[
        "conflict.old-tool.numpy"
    ]
    assert check.status == "warning"
    assert check.commands[0].endswith("uninstall old-tool")


def test_requirements_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# a comment\n-r other.txt\n\nnumpy>=2,<3  # why\nnever; python_version < '3'\n")
    assert [str(r) for r in read_requirements(file)] == ["numpy<3,>=2"]


def test_the_projects_own_requirements_are_installed_here() -> None:
    checks = check_packages(read_requirements(), installed_packages())
    assert {c.id for c in checks} >= {
        "python",
        "package.streamlit",
        "package.tensorflow",
        "package.opencv-python-headless",
    }
    assert [c.summary for c in checks if c.status == "error"] == []


def test_nothing_heavy_is_imported_to_ask_about_it() -> None:
    code = (
        "import sys; from dashboard.core.diagnostics.package_checks import *; check_packages(read_requirements(), installed_packages());"
        "print([m for m in ('tensorflow', 'keras', 'streamlit', 'cv2', 'sklearn', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_python_bounds_are_those_of_the_project() -> None:
    stated = re.search(r'requires-python = "(.+)"', (ROOT / "pyproject.toml").read_text())
    assert stated is not None
    assert SpecifierSet(stated[1]) == PYTHON
    assert check_python("3.9.18").status == "error"
    assert check_python("3.14.0").status == "error"
    assert check_python("3.12.1").status == "ok"


def test_the_command_is_for_the_interpreter_that_runs() -> None:
    command = pip_command("list")
    python = command.removesuffix(" -m pip list")
    assert (ROOT / python).samefile(sys.executable)


def test_every_requirement_is_imported_by_its_name() -> None:
    tried = try_imports(
        [
            MODULES.get(r.name, r.name.replace("-", "_"))
            for r in read_requirements()
            if r.name not in ("tensorflow", "keras")
        ]
    )
    assert [(each.module, each.fault) for each in tried if each.fault] == []


def test_imports_that_fail_name_the_package_that_is_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {
        "good_one": "print('hello')", "raises_one": "raise ImportError('it is broken')", "dies_one": "import os; os._exit(3)",
        "needs_one": "try:\n    import raises_one\nexcept ImportError:\n    raise ImportError('no raises_one')",
    }.items():  # fmt: skip
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = try_imports(["raises_one", "needs_one", "dies_one", "good_one", "absent_one"])
    assert [(each.fault, each.cause) for each in found] == [
        ("ImportError: it is broken", "raises_one"), ("ImportError: no raises_one", "raises_one"),
        ("its import ended the process with code 3", "dies_one"), ("", "good_one"),
        ("ModuleNotFoundError: No module named 'absent_one'", "absent_one"),
    ]  # fmt: skip
    assert found[3].origin == str(tmp_path / "good_one.py")


def test_an_import_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "waits_one.py").write_text("input_never_comes = __import__('threading').Event().wait()")
    monkeypatch.syspath_prepend(tmp_path)
    assert "takes longer than 1 s" in try_imports(["waits_one"], 1.0)[0].fault


def test_each_way_to_be_broken_has_its_fix() -> None:
    wanted, package = Requirement("opencv-python-headless>=4.13,<6"), Installed("opencv-python", "4.13")
    lacks = Imported("cv2", "", "ImportError: libGL.so.1: cannot open shared object file: No such file", "cv2")
    check = check_import(wanted, package, lacks, None)
    remove, again = check.commands
    assert remove.endswith("uninstall -y opencv-python") and again.endswith(
        '--force-reinstall "opencv-python-headless<6,>=4.13"'
    )
    shadowed = check_import(wanted, package, lacks, Path("/home/me/cv2.py"))
    assert "Python imports /home/me/cv2.py in place of the package opencv-python" in shadowed.summary
    assert "PYTHONPATH" in shadowed.fix and shadowed.status == "error" and "pip" not in shadowed.fix
    other = check_import(wanted, package, Imported("cv2", "", "ImportError: x", "numpy"), None)
    assert other.status == "skipped" and "because numpy cannot" in other.summary
    plain = check_import(wanted, package, Imported("cv2", "", "ImportError: x", "cv2"), None)
    assert plain.status == "error" and "--force-reinstall" in plain.commands[0]


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of the dashboard with a package of this name that cannot be imported."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "fake" / name).mkdir(parents=True)
        (tmp_path / "fake" / name / "__init__.py").write_text("raise ImportError('it is broken')")
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "fake"), "DASHBOARD_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "dashboard", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    return run


Fake = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("name", ["numpy", "pyarrow"])
def test_doctor_names_a_package_without_which_nothing_starts(name: str, fake: Fake) -> None:
    done = fake(name, "doctor", "--json")
    errors = [check for check in json.loads(done.stdout)["checks"] if check["status"] == "error"]
    assert done.returncode == 1 and [check["id"] for check in errors] == [f"package.{name}"]
    assert f"in place of the package {name}" in errors[0]["summary"] and "PYTHONPATH" in errors[0]["fix"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("streamlit", "run --port 8975"), ("numpy", "run --port 8975"), ("numpy", "models"), ("cleanlab", "runs label-issues x"),
        ("typer", "run --port 8975"), ("pydantic", "run --port 8975"), ("typer", "doctor"), ("platformdirs", "doctor"),
    ],
)  # fmt: skip
def test_commands_end_with_a_sentence_if_a_package_is_broken(name: str, command: str, fake: Fake) -> None:
    done = fake(name, *command.split())
    assert done.returncode == 1 and "Traceback" not in done.stderr
    if name != "cleanlab":  # there is no such run
        assert f"in place of the package {name}: ImportError: it is broken." in done.stderr
        assert "PYTHONPATH" in done.stderr


def test_a_fault_that_is_not_one_of_packages_is_raised() -> None:
    with pytest.raises(NameError):
        why_not_started(NameError("a mistake in the program"))
    unknown = why_not_started(ImportError("libnobody.so.1: cannot open shared object file"))
    assert "libnobody.so.1" in unknown.message and "pip install --force-reinstall -r requirements.txt" in unknown.fix
