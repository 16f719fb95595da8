import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dashboard.core.diagnostics.checks import Check
from dashboard.core.diagnostics.package_checks import (
    PYTHON,
    ROOT,
    Installed,
    check_packages,
    check_python,
    installed_packages,
    read_requirements,
)
from dashboard.core.settings import pip_command


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
