"""Compares installed packages with the requirements by their metadata, and tries in another process to import them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from dashboard.core.clock import utc_now
from dashboard.core.diagnostics.checks import Check, Report, Status
from dashboard.core.diagnostics.context import CheckContext, Step
from dashboard.core.diagnostics.imports import Imported, try_imports
from dashboard.core.shell import ROOT, install_requirements, pip_command

REQUIREMENTS = ROOT / "requirements.txt"
PYTHON = SpecifierSet(">=3.10,<3.14")  # as in pyproject.toml

# Distributions that install the same import package: one can stand in for another, two overwrite each other's files.
SAME_FOLDER: dict[str, tuple[str, ...]] = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "intel-tensorflow", "tf-nightly", "tf-nightly-cpu"),
    "keras": ("keras", "keras-nightly"),
    "cv2": (
        "opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python",
    ),
    "PIL": ("pillow", "pillow-simd"),
}  # fmt: skip


MODULES = {
    "argon2-cffi": "argon2", "opencv-python-headless": "cv2", "pillow": "PIL", "protobuf": "google.protobuf",
    "pyyaml": "yaml", "scikit-learn": "sklearn", "vl-convert-python": "vl_convert",
}  # fmt: skip  # what is imported of a distribution, where it has another name
_BY_WORKERS = ("tensorflow", "keras")  # which say what is wrong with them
_LONGEST = 300  # characters of a fault


@dataclass(frozen=True)
class Installed:
    """One installed distribution according to its metadata."""

    name: str  # canonical
    version: str
    requires: tuple[str, ...] = ()  # Requires-Dist


def steps(context: CheckContext) -> list[Step]:
    """One step for all packages of this environment: it reads their metadata once."""
    return [Step("packages", "packages", "the installed packages", lambda _: check_all())]


def check_all() -> list[Check]:
    """Checks Python and all packages: what is installed, and what can be imported. Takes seconds."""
    requirements, installed = read_requirements(), installed_packages()
    checks = check_packages(requirements, installed)
    present = [r for r in requirements if _module(r) not in _BY_WORKERS and _found(r, installed)]
    imported = try_imports([_module(requirement) for requirement in present])
    broken: dict[str, Check] = {}
    for requirement, each in zip(present, imported, strict=True):
        package = _found(requirement, installed)
        shadow = _shadow(package.name, each.origin) if package else None
        if package and (each.fault or shadow):
            broken[_check_id(requirement)] = check_import(requirement, package, each, shadow)
    return [broken.get(check.id, check) for check in checks]


def only_packages(error: ImportError) -> Report:
    """The report when nothing but the packages can be checked, because `error` stops the program."""
    checks = check_all()
    if not any(check.status == "error" for check in checks):
        fix = f"Install everything anew with `{install_requirements('--force-reinstall')}`."
        checks.append(Check("imports", "packages", "error", f"The dashboard cannot be imported: {error}", fix))
    first = next(check for check in checks if check.status == "error")
    return Report(tuple(checks), utc_now(), f"The dashboard is off: {first.summary}")


def installed_packages() -> dict[str, Installed]:
    """All installed distributions by canonical name. If a name occurs twice: the one that Python imports."""
    found: dict[str, Installed] = {}
    for distribution in metadata.distributions():
        try:
            name, version = distribution.metadata["Name"], distribution.version
        except (KeyError, TypeError, OSError):
            continue
        if name and version:  # missing in the metadata after an interrupted installation
            key = canonicalize_name(name)
            found.setdefault(key, Installed(key, version, tuple(distribution.requires or ())))
    return found


def read_requirements(path: Path = REQUIREMENTS) -> list[Requirement]:
    """The requirements of a pip requirements file that apply here, without options and comments."""
    lines = (line.split("#", 1)[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [r for r in found if r.marker is None or r.marker.evaluate()]


def check_packages(requirements: Sequence[Requirement], installed: Mapping[str, Installed]) -> list[Check]:
    """Checks Python, each requirement, and conflicts between packages."""
    required = [_check_requirement(requirement, installed) for requirement in requirements]
    conflicts = [*_overwriting(requirements, installed), *_contradictions(requirements, installed)]
    if not conflicts:
        conflicts = [Check("conflicts", "packages", "ok", f"No conflict among {len(installed)} installed packages")]
    return [check_python(platform.python_version()), *required, *conflicts]


def check_python(version: str) -> Check:
    """Checks whether this version of Python is supported."""
    details = (
        ("Platform", platform.platform()),
        ("Processor", platform.machine()),
        ("Interpreter", sys.executable),
    )
    if PYTHON.contains(version, prereleases=True):
        return Check("python", "packages", "ok", f"Python {version} ({_bounds(PYTHON)} is required)", "", details)
    fix = "Install Python 3.12, then set up anew with `python3.12 -m venv --clear .venv` and `.venv/bin/python -m pip install -r requirements.txt`."
    return Check(
        "python", "packages", "error", f"Python {version} is used, but {_bounds(PYTHON)} is required", fix, details
    )


def _check_requirement(requirement: Requirement, installed: Mapping[str, Installed]) -> Check:
    name = canonicalize_name(requirement.name)
    check_id, wanted = _check_id(requirement), _bounds(requirement.specifier)
    fix = f"Run `{install_requirements()}`, then restart the dashboard."
    package = _found(requirement, installed)
    if package is None:
        return Check(check_id, "packages", "error", f"{name} is not installed ({wanted} is required)", fix)
    if _fits(package.version, requirement.specifier):
        return Check(check_id, "packages", "ok", f"{package.name} {package.version} ({wanted} is required)")
    # an older version lacks functions that are used here; a newer version is only untested
    too_old = any(
        s.operator in (">=", ">", "==", "~=", "===") and not _fits(package.version, SpecifierSet(str(s)))
        for s in requirement.specifier
    )
    status: Status = "error" if too_old else "warning"
    summary = f"{package.name} {package.version} is installed, but {wanted} is required"
    return Check(check_id, "packages", status, summary, fix)


def _check_id(requirement: Requirement) -> str:
    return f"package.{canonicalize_name(requirement.name)}"


def _found(requirement: Requirement, installed: Mapping[str, Installed]) -> Installed | None:
    name = canonicalize_name(requirement.name)
    return installed.get(name) or _stand_in(name, installed)


def _module(requirement: Requirement) -> str:
    """What Python imports of a requirement."""
    name = canonicalize_name(requirement.name)
    return MODULES.get(name, name.replace("-", "_"))


def _shadow(package: str, origin: str) -> Path | None:
    """The file or folder of somebody else that Python imports in place of an installed package; None if there is none."""
    if not origin or not Path(origin).is_absolute():
        return None
    distribution = metadata.distribution(package)
    found = Path(origin)
    if found.is_relative_to(str(distribution.locate_file(""))) or distribution.read_text("direct_url.json"):
        return None  # the latter: it may be installed from a folder
    return found.parent if found.stem == "__init__" else found


def check_import(requirement: Requirement, package: Installed, found: Imported, shadow: Path | None) -> Check:
    """The check of an installed package that cannot be imported, or is shadowed."""
    check_id, name = _check_id(requirement), f"{package.name} {package.version}"
    if shadow:
        summary = f"Python imports {shadow} in place of the package {package.name}"
        summary += f": {found.fault[:_LONGEST]}" if found.fault else ""
        fix = "Rename or remove it, or take its folder out of PYTHONPATH, then restart the dashboard."
        return Check(check_id, "packages", "error" if found.fault else "warning", summary, fix)
    if found.cause != found.module:
        return Check(check_id, "packages", "skipped", f"{name} cannot be imported, because {found.cause} cannot")
    summary = f"{name} is installed, but cannot be imported: {found.fault[:_LONGEST]}"
    if "cannot open shared object file" in found.fault and package.name in SAME_FOLDER["cv2"]:
        headless = pip_command(f'install --force-reinstall "{requirement}"')
        fix = (
            "This build needs a library of the screen. Install the one that does not: "
            f"`{pip_command(f'uninstall -y {package.name}')}`, then `{headless}`, then restart the dashboard."
        )
        return Check(check_id, "packages", "error", summary, fix)
    again = pip_command(f'install --force-reinstall "{requirement}"')
    return Check(check_id, "packages", "error", summary, f"Install it anew with `{again}`, then restart the dashboard.")


def _bounds(specifier: SpecifierSet) -> str:
    """The specifier as text, with the lower bound first."""
    return ",".join(sorted(map(str, specifier), key=lambda s: (s.startswith("<"), s))) or "any version"


def _stand_in(name: str, installed: Mapping[str, Installed]) -> Installed | None:
    family = next((names for names in SAME_FOLDER.values() if name in names), ())
    return next((installed[other] for other in family if other in installed), None)


def _fits(version: str, specifier: SpecifierSet) -> bool:
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not specifier


def _overwriting(requirements: Iterable[Requirement], installed: Mapping[str, Installed]) -> Iterator[Check]:
    """Finds distributions that overwrite each other's files."""
    wanted: dict[str, Requirement] = {canonicalize_name(r.name): r for r in requirements}
    for folder, family in SAME_FOLDER.items():
        present = [name for name in family if name in installed]
        if len(present) < 2:
            continue
        keep = next((str(wanted[name]) for name in family if name in wanted), present[0])
        remove, again = pip_command(f"uninstall -y {' '.join(present)}"), pip_command(f'install "{keep}"')
        yield Check(
            f"conflict.{folder}", "packages", "warning",
            f"{' and '.join(present)} are both installed, and write to the same folder, {folder}",
            f"Keep one of them: run `{remove}`, then `{again}`.",
        )  # fmt: skip


def _contradictions(requirements: Iterable[Requirement], installed: Mapping[str, Installed]) -> Iterator[Check]:
    """Finds installed packages whose own requirements are not met."""
    ours = _closure([canonicalize_name(r.name) for r in requirements], installed)
    top = {canonicalize_name(r.name) for r in requirements}
    for package in sorted(installed.values(), key=lambda p: p.name):
        for name, specifier in _needs(package).items():
            found = installed.get(name) or _stand_in(name, installed)
            if found is None:
                # a missing requirement of the dashboard has its own check; those of unrelated packages do not matter
                if package.name not in ours or name in top:
                    continue
                state = f"{name} is not installed"
            elif (name in ours or package.name in ours) and not _fits(found.version, specifier):
                state = f"{found.name} {found.version} is installed"
            else:
                continue
            mend = install_requirements(f'"{name}{specifier}"')
            fix = f"Run `{mend}`, then restart the dashboard."
            if package.name not in ours:
                fix = f"The dashboard does not use {package.name}: remove it with `{pip_command(f'uninstall {package.name}')}`."
            yield Check(
                f"conflict.{package.name}.{name}", "packages", "warning",
                f"{package.name} {package.version} needs {name}{specifier}, but {state}", fix,
            )  # fmt: skip


def _needs(package: Installed) -> dict[str, SpecifierSet]:
    """The requirements of the package by canonical name. If a name occurs several times, its bounds are combined."""
    needs: dict[str, SpecifierSet] = {}
    for line in package.requires:
        try:
            need = Requirement(line)
        except InvalidRequirement:
            continue  # written by an old tool; pip ignores it too
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            name = canonicalize_name(need.name)
            needs[name] = needs.get(name, SpecifierSet()) & need.specifier
    return needs


def _closure(names: Iterable[str], installed: Mapping[str, Installed]) -> set[str]:
    """The given packages and all their installed requirements."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in installed and name not in found:
            found.add(name)
            todo += _needs(installed[name])
    return found
