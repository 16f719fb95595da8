"""What is left when TensorFlow is gone, or kills the process that imports it: a dashboard that says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = sorted((ROOT / "data" / "samples" / "cat").glob("*.png"))
KILLER = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"

# walks the three pages as a person would, and prints what stands there
WALK = """
import json, time
from pathlib import Path
from streamlit.testing.v1 import AppTest

def shown(at):
    texts = [e.value for kind in (at.text, at.error, at.warning, at.code, at.exception) for e in kind]
    return {"text": "\\n".join(map(str, texts)), "metrics": [m.label for m in at.metric], "exceptions": len(at.exception)}

def until(at, ready):
    for _ in range(120):
        if ready(at):
            return at
        time.sleep(0.25)
        at.run()
    raise SystemExit("waited in vain: " + shown(at)["text"])

at = AppTest.from_file("dashboard/main.py", default_timeout=60).run()
pages = {"start": shown(at)}
cat = sorted(Path("data/samples/cat").glob("*.png"))[0]
at.session_state["chosen-picture"] = (cat.name, cat.read_bytes())  # as after a click on the sample
at.run()
pages["predict"] = shown(at)
at.switch_page("../pages/evaluate.py").run()
at.segmented_control(key="dataset-source").set_value("This server").run()
at.selectbox(key="library").set_value("Sample images").run()
at.button(key="evaluate").click().run()
pages["evaluate"] = shown(until(at, lambda at: at.error))
at.switch_page("../pages/diagnostics.py").run()
pages["diagnostics"] = shown(until(at, lambda at: at.error))
print(json.dumps(pages))
"""


@dataclass(frozen=True)
class Environment:
    """An interpreter with its own packages, and a data folder."""

    python: Path
    data_dir: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "DASHBOARD_DATA_DIR": str(self.data_dir),
            "DASHBOARD_WORKERS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        environment.pop("PYTHONPATH", None)
        return subprocess.run(
            [self.python, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )


def make_environment(folder: Path, without: tuple[str, ...], fake_tensorflow: str = "") -> Environment:
    """A virtual environment with links to all packages of this one, but for those named."""
    venv.create(folder / "venv", symlinks=True)
    [target] = (folder / "venv" / "lib").glob("python*/site-packages")
    for entry in Path(str(metadata.distribution("tensorflow").locate_file(""))).iterdir():
        name = entry.name.partition("-")[0] if entry.suffix == ".dist-info" else entry.name
        if name not in without and not (fake_tensorflow and entry.name == "tensorflow"):
            (target / entry.name).symlink_to(entry)
    if fake_tensorflow:
        (target / "tensorflow").mkdir()
        (target / "tensorflow" / "__init__.py").write_text(fake_tensorflow)
    shutil.copytree(ROOT / "data" / "samples", folder / "data" / "samples")
    return Environment(folder / "venv" / "bin" / "python", folder / "data")


@pytest.fixture(scope="module", params=[("tensorflow",), ("tensorflow", "keras")], ids=["tensorflow", "both"])
def missing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return make_environment(tmp_path_factory.mktemp("missing"), request.param)


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """TensorFlow is installed, but its import ends the process, as it does on a processor without AVX."""
    yield make_environment(tmp_path_factory.mktemp("killing"), (), KILLER)


Diagnosis = tuple[int, str, dict[str, dict[str, str]]]


def checks_of(environment: Environment) -> Diagnosis:
    """The exit code of `doctor`, the status and the checks of its report."""
    done = environment.run("-m", "dashboard", "doctor", "--json")
    report = json.loads(done.stdout)
    return done.returncode, report["status"], {check["id"]: check for check in report["checks"]}


@pytest.fixture(scope="module")
def missing_checks(missing: Environment) -> Diagnosis:
    return checks_of(missing)


def test_the_environment_really_lacks_tensorflow(missing: Environment) -> None:
    done = missing.run("-c", "import streamlit, PIL, numpy, tensorflow")
    assert "No module named 'tensorflow'" in done.stderr


def test_doctor_names_the_cause_and_the_command(missing_checks: Diagnosis) -> None:
    exit_code, status, checks = missing_checks
    assert (exit_code, status) == (1, "error")
    assert checks["tensorflow"]["summary"] == "TensorFlow is not installed"
    for check_id in ("tensorflow", "package.tensorflow"):
        assert checks[check_id]["status"] == "error"
        assert "pip install -r requirements.txt" in checks[check_id]["fix"]


def test_one_cause_is_told_once(missing_checks: Diagnosis) -> None:
    _, _, checks = missing_checks
    failed = {check_id for check_id, check in checks.items() if check["status"] == "error"}
    assert failed <= {"tensorflow", "package.tensorflow", "package.keras"}
    loads = [check for check_id, check in checks.items() if check_id.endswith((".load", ".self_test"))]
    assert loads
    assert all(c["status"] == "skipped" and "TensorFlow is not usable" in c["summary"] for c in loads)


def test_predict_refuses_with_the_cause(missing: Environment) -> None:
    done = missing.run("-m", "dashboard", "predict", *map(str, SAMPLES), "--json")
    answers = json.loads(done.stdout)
    assert done.returncode == 1
    assert len(answers) == len(SAMPLES) > 0
    for answer in answers:
        assert answer["error"]["code"] == "tensorflow_missing"
        assert f"{missing.python} -m pip install -r requirements.txt" in answer["error"]["fix"]
        assert "predicted_label" not in answer


def test_the_pages_open_and_tell_the_same_cause(missing: Environment) -> None:
    done = missing.run("-c", WALK)
    assert done.returncode == 0, done.stderr
    pages = json.loads(done.stdout.splitlines()[-1])
    assert [name for name, page in pages.items() if page["exceptions"]] == []
    for name in ("predict", "evaluate", "diagnostics"):
        assert "TensorFlow is not installed" in pages[name]["text"], name
        assert "pip install -r requirements.txt" in pages[name]["text"], name
    assert "New predictions are off" in pages["diagnostics"]["text"]
    assert "Predicted class" not in pages["predict"]["metrics"]


def test_doctor_survives_a_tensorflow_that_kills(killing: Environment) -> None:
    exit_code, status, checks = checks_of(killing)
    assert (exit_code, status) == (1, "error")
    assert checks["package.tensorflow"]["status"] == "ok"
    assert checks["tensorflow"]["status"] == "error"
    assert "SIGILL" in checks["tensorflow"]["summary"]
    assert "AVX" in checks["tensorflow"]["fix"]
    assert [check_id for check_id, check in checks.items() if check["status"] == "error"] == ["tensorflow"]


def test_predict_survives_a_tensorflow_that_kills(killing: Environment) -> None:
    done = killing.run("-m", "dashboard", "predict", str(SAMPLES[0]), "--json")
    [answer] = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["error"]["code"] == "worker_unavailable"
    assert "SIGILL" in answer["error"]["message"] and "lacks instructions" in answer["error"]["message"]
    assert "AVX" in answer["error"]["fix"] and "Try again" not in answer["error"]["fix"]
    assert "predicted_label" not in answer
