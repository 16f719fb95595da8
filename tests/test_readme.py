"""Every command and program of the README runs, as it is written there, with one dashboard and one data folder.

A command that cannot run in a test stands in `NOT_RUN`, with the reason. Whatever is not listed there is run.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from argon2 import PasswordHasher
from PIL import Image, ImageEnhance

from dashboard.core.engine import launching
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.settings import Settings
from tests.cli.test_commands import dashboard, environment_of, only_json
from tests.conftest import ROOT
from tests.e2e.dashboard_server import free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
SAMPLES = sorted((ROOT / "data" / "samples").glob("*/*.png"))
CATS = [file for file in SAMPLES if file.parent.name == "cat"]
OURS = ("cifar10-resnet/8", "cifar10-small/3")
CLI = "python -m dashboard "
PORT = "localhost:8501"
LANGUAGES = {"sh", "python", "powershell", "yaml"}
INSTALLS = "tests/test_installed.py installs the dashboard into a new environment and runs it"
HOURS = "it takes minutes to hours"
CLUSTER = "tests/cluster/test_ray.py starts a cluster"
NOT_RUN = {
    "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt": INSTALLS,
    ".venv/bin/python -m dashboard run": "the dashboard of these tests is started with it",
    "pip install .": INSTALLS,
    "classifier-dashboard run --port 9000": INSTALLS,
    "python -m dashboard data get-cifar10": "it downloads 163 MB; tests/core/datasets/test_download.py has a small file",
    "DASHBOARD_PRECISION=float32 python -m dashboard evaluate data/downloads/cifar-10-python.tar.gz": "it needs CIFAR-10",
    "python -m dashboard.training --quick": HOURS,
    "KERAS_BACKEND=jax python -m dashboard.training --recipe cifar10-teacher": HOURS,
    "KERAS_BACKEND=jax python -m dashboard.training --recipe cifar10-resnet-patient --name cifar10-resnet": HOURS,
    "python -m dashboard.training --recipe cifar10-resnet-robust --start-from cifar10-resnet --name cifar10-resnet": HOURS,
    "python -m dashboard.studies --data photos.zip --model cifar10-resnet": HOURS,
    "python -m dashboard.studies robustness --data photos.zip --model cifar10-resnet": HOURS,
    "python -m tests.fuzz --inputs 10000": HOURS,
    "ray start --head --port=6379": CLUSTER,
    "ray start --address=HEAD:6379": CLUSTER,
    "DASHBOARD_CLUSTER=HEAD:6379 DASHBOARD_WORKERS=16 python -m dashboard run": CLUSTER,
    "python -m dashboard database restore backup.sqlite3": "no dashboard may run meanwhile",
    "python -m dashboard password": "it asks for the password on the terminal; tests/cli/test_access.py types it",
}


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in this language."""
    return re.findall(rf"^```{language}\n(.+?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Every line of the `sh` blocks, without the comment after it."""
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s\s+# .*", "", line).strip() for line in lines if line.strip()]


def serves(command: str) -> bool:
    return command.startswith(("python -m uvicorn ", f"{CLI}run "))


COMMANDS = commands()
RUN = [command for command in COMMANDS if command not in NOT_RUN and not serves(command)]
SERVERS = [command for command in COMMANDS if command not in NOT_RUN and serves(command)]


@dataclass
class Place:
    """A folder with the files that the README names, a dashboard, and what stands for the README's placeholders."""

    work: Path
    data: Path
    models: Path
    address: str
    words: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        return {"DASHBOARD_MODELS_DIR": str(self.models), "DASHBOARD_MODEL": ""}

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return environment_of(self.data, {**self.settings, "PYTHONPATH": str(ROOT), "PATH": path})

    def filled_in(self, text: str) -> str:
        """The text with this dashboard's address, and with an evaluation and a token of it."""
        text = text.replace(PORT, self.address)
        return re.sub(rf"\b({'|'.join(self.words)})\b", lambda found: self.words[found[0]], text)

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a command and what it printed. Commands of the dashboard run in this process."""
        command = self.filled_in(command)
        if command.startswith(CLI):
            done = dashboard(*shlex.split(command.removeprefix(CLI)), data_dir=self.data, **self.settings)
            return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
        if command.startswith("curl "):
            command = command.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
        return self.process("bash", "-c", command)

    def process(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            words, cwd=self.work, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240
        )
        return done.returncode, done.stdout.decode(errors="replace")


def write_files(work: Path) -> None:
    """The files that the README names."""
    variants = {
        f"{x:.2f}": lambda picture, x=x: ImageEnhance.Brightness(picture).enhance(x)
        for x in (0.85, 0.9, 0.95, 1, 1.05, 1.1)
    }
    pictures = [(file, Image.open(file).convert("RGB")) for file in SAMPLES]
    (work / "data").mkdir()
    (work / "data" / "samples").symlink_to(ROOT / "data" / "samples")
    with zipfile.ZipFile(work / "photos.zip", "w") as archive:
        for file, picture in pictures:
            for name, change in variants.items():
                for mirrored in (False, True):
                    changed = change(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else picture)
                    with archive.open(f"{file.parent.name}/{file.stem}-{name}{'m' * mirrored}.png", "w") as out:
                        changed.save(out, "PNG")
    for number, name in enumerate(("picture.jpg", "other.png", "cat.png", "photos/1.png", "photos/more/2.png")):
        (work / name).parent.mkdir(exist_ok=True)
        Image.open(CATS[number % len(CATS)]).convert("RGB").save(work / name)
    (work / "labels.csv").write_text("file,label\nphotos/1.png,cat\nphotos/more/2.png,cat\n")
    for split, label in (("train", "cat"), ("val", "cat"), ("val", "hound")):
        folder = work / "pets" / split / label
        folder.mkdir(parents=True)
        shutil.copy(CATS[0], folder)
    np.save(work / "pred_probs.npy", np.eye(10)[[0, 5, 3]] * 0.9 + 0.01)
    np.save(work / "labels.npy", np.array([0, 5, 5]))
    (work / "labels.txt").write_text("\n".join(CLASS_NAMES))
    (work / "checks.yml").write_text("- accuracy >= 50%\n- failed <= 1%\n")
    shutil.copy(ROOT / "models" / OURS[1] / "model.keras", work / "their_model.keras")


@contextmanager
def serving(command: str, environment: dict[str, str], log: Path) -> Iterator[str]:
    """Starts a server with a command of the README, on another port. Gives the address."""
    port = free_port()
    words = [*shlex.split(command), "--port", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 120
        while True:
            assert server.poll() is None and time.monotonic() < end, log.read_text(errors="replace")
            try:
                if httpx.get(f"http://127.0.0.1:{port}/api/v1/live", timeout=60).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        root = Path(folder)
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)  # where a dashboard offers its workers to commands
        found = Place(root / "work", root / "data", root / "models", "", {})
        found.work.mkdir()
        for name in OURS:
            shutil.copytree(ROOT / "models" / name, found.models / name)
        write_files(found.work)
        with serving(f"{CLI}run", found.environment, root / "log") as found.address:
            assert httpx.get(f"http://{found.address}/api/v1/ready", timeout=240).status_code == 200
            monkeypatch.chdir(found.work)
            for word, model in (("RUN_A", "cifar10-resnet"), ("RUN_B", "cifar10-small")):
                done = dashboard(
                    "evaluate", "photos.zip", "--model", model, "--json", data_dir=found.data, **found.settings
                )
                found.words[word] = only_json(done)["run_id"]
            found.words["RUN"] = found.words["RUN_A"]
            said = {"prediction_id": f"{found.words['RUN']}:0", "is_right": True}
            assert httpx.post(f"http://{found.address}/api/v1/feedback", json=said).status_code == 201
            token = dashboard("tokens", "create", "test", data_dir=found.data, **found.settings)
            found.words["TOKEN"] = token.stdout.decode().strip()
            yield found
        launching.template.close()  # of the commands that had workers of their own, in this process


@pytest.mark.parametrize("command", RUN, ids=str)
def test_commands(place: Place, command: str) -> None:
    code, printed = place.run(command)
    assert code == 0, printed


@pytest.mark.parametrize("program", blocks("python"), ids=("httpx", "tritonclient"))
def test_programs(place: Place, program: str) -> None:
    code, printed = place.process(sys.executable, "-c", place.filled_in(program))
    assert code == 0, printed
    assert "cat" in printed


def test_the_program_says_why_an_evaluation_fails(place: Place) -> None:
    with zipfile.ZipFile(place.work / "hounds.zip", "w") as archive:
        archive.write(place.work / "cat.png", "hound/1.png")
    code, printed = place.process(
        sys.executable, "-c", place.filled_in(blocks("python")[0].replace("photos", "hounds"))
    )
    assert code == 0, printed
    assert "failed None of the labels (hound) is a class" in printed and 'label_map={"*": "(no label)"}' in printed


@pytest.mark.parametrize("command", SERVERS, ids=str)
def test_servers(place: Place, command: str, tmp_path: Path) -> None:
    needs_token = "--host" in command
    protected = {"DASHBOARD_PASSWORD_HASH": PasswordHasher().hash("a long password")} if needs_token else {}
    with serving(command, place.environment | protected, tmp_path / "log") as address:
        assert httpx.get(f"http://{address}/api/v1/models").status_code == (401 if needs_token else 200)


def test_the_description_of_the_api(place: Place) -> None:
    """Every address in the table of the README is one of the API, and the table has all of them."""
    [table] = [part for part in README.split("\n\n") if part.startswith("| address | what it does |")]
    written = set(re.findall(r"(GET|POST|DELETE) (/[^ `,]+)", table))
    known = {"N": "n", "RUN": "id", "NAME": "name", "VERSION": "version"}
    written = {
        (method, re.sub(r"\b[A-Z]+\b", lambda found: f"{{{known[found[0]]}}}", path)) for method, path in written
    }
    paths = httpx.get(f"http://{place.address}/api/v1/openapi.json").json()["paths"]
    assert written == {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert "<html" in httpx.get(f"http://{place.address}/api/v1/docs").text


def test_nothing_is_left_out() -> None:
    languages = {line.removeprefix("```").strip() for line in README.splitlines() if line.startswith("```")} - {""}
    assert languages == LANGUAGES, "yaml is read by tests/core/analysis/checks; powershell needs Windows"
    outside = re.sub(r"^```.+?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    assert not re.findall(r"^    \S", outside, re.MULTILINE), "an indented block is not collected"
    assert set(NOT_RUN) <= set(COMMANDS), "these are in the README no more"
    assert len(RUN) > 40 and len(SERVERS) == 2
    assert all(command.startswith((CLI, "curl ")) for command in RUN)


def test_the_table_of_settings_has_each_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `(DASHBOARD_\w+)`[^|]*\| ([^|]*) \|", README, re.MULTILINE)
    written = {name.removeprefix("DASHBOARD_").lower(): default.strip("` ") for name, default in rows}
    own = {name for name, field in Settings.model_fields.items() if not field.validation_alias}
    assert set(written) == own
    for name, field in Settings.model_fields.items():
        if (
            name in written and isinstance(field.default, (int, float)) and name != "workers"
        ):  # it depends on the machine
            assert written[name] == str(field.default).lower().removesuffix(".0"), name


def test_git_keeps_out_the_files_with_secrets_that_the_readme_names() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for name in (".env", ".streamlit/secrets.toml"):
        assert f"`{name}`" in README and name in ignored


def test_links_and_pictures_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(\s*([^)\s]+)\s*\)", README):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (ROOT / target).is_file(), target
