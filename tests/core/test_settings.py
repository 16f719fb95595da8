from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from dashboard.core.errors import DashboardError
from dashboard.core.settings import HOME, Settings, check_data_dir, get_settings, no_such_setting, unknown_settings
from dashboard.core.shell import INSTALLED, ROOT
from tests.conftest import ROOT as CHECKOUT

# a server that asks a worker process for its settings
PROGRAM = """
import sys
from dashboard.core.engine.process import WorkerProcess, interpreter
from dashboard.core.settings import get_settings
worker = WorkerProcess(interpreter((sys.executable, "-c", sys.argv[1])), threads=1)
worker.wait_until_ready(60)
print(get_settings().chunk_size, worker.run("chunk_size", (), 60))
worker.close()
"""
WORKER = """
import sys
from dashboard.core.settings import get_settings
from dashboard.worker.serving import serve
serve(int(sys.argv[1]), {"chunk_size": lambda: get_settings().chunk_size}, lambda: None)
"""
SAMPLES = """
from dashboard.core.errors import DashboardError
from dashboard.core.settings import check_data_dir, get_settings
print(get_settings().samples_dir)
try:
    check_data_dir(get_settings().data_dir)
except DashboardError as error:
    print(error.message)
"""


def test_server_and_workers_read_the_same_env_file_wherever_the_server_is_started(tmp_path: Path) -> None:
    copy, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    shutil.copytree(CHECKOUT / "dashboard", copy / "dashboard", ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere.mkdir()
    (copy / ".env").write_text("DASHBOARD_CHUNK_SIZE=7\n")
    (elsewhere / ".env").write_text("DASHBOARD_CHUNK_SIZE=9\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DASHBOARD_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, WORKER],
        cwd=elsewhere, env={**environment, "PYTHONPATH": str(copy)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["7", "7"], done.stderr


def test_the_samples_are_those_of_the_dashboard_if_the_data_folder_cannot_be_entered(tmp_path: Path) -> None:
    # root may enter every folder, unless it gives its capabilities away
    as_user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    (tmp_path / "samples").mkdir()
    tmp_path.chmod(0)
    try:
        done = subprocess.run(
            [*as_user, sys.executable, "-c", SAMPLES], cwd=CHECKOUT, capture_output=True, text=True, timeout=60,
            env={**os.environ, "DASHBOARD_DATA_DIR": str(tmp_path)},
        )  # fmt: skip
    finally:
        tmp_path.chmod(0o700)
    samples, refusal, *_ = [*done.stdout.splitlines(), "", ""]
    assert samples == str(ROOT / "data" / "samples"), done.stderr
    assert refusal == f"The data folder {tmp_path} cannot be entered: Permission denied."


def test_a_data_folder_that_is_missing_is_made_later(tmp_path: Path) -> None:
    check_data_dir(tmp_path)
    check_data_dir(tmp_path / "new" / "data")


def test_in_a_checkout_everything_is_in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DASHBOARD_DATA_DIR", "DASHBOARD_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert not INSTALLED and ROOT == HOME == CHECKOUT
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (settings.data_dir, settings.models_dir) == (CHECKOUT / "data", CHECKOUT / "models")
    assert settings.bundled_models_dir is None


def test_a_hash_that_is_none_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PASSWORD_HASH", "geheim")
    with pytest.raises(DashboardError, match="DASHBOARD_PASSWORD_HASH: it is not an Argon2 hash") as caught:
        get_settings.__wrapped__()
    assert "geheim" not in str(caught.value)


def test_names_that_are_no_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_WORKRES", "3")
    monkeypatch.setenv("DASHBOARD_DATABASE_URL", "")
    assert unknown_settings() == ["DASHBOARD_WORKRES"]
    assert no_such_setting("DASHBOARD_WORKRES")[1] == "Did you mean DASHBOARD_WORKERS?"


def test_names_in_the_file_of_settings_that_are_none_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("DASHBOARD_MODLE=a\nDASHBOARD_WORKERS=1\nOTHER=2\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    assert unknown_settings() == ["DASHBOARD_MODLE"]
    assert no_such_setting("DASHBOARD_MODLE")[1] == "Did you mean DASHBOARD_MODEL?"


def test_host_names_are_a_list_without_schemes_and_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_ALLOWED_HOSTS", "Dash.Example.com, *.example.org,")
    assert Settings(_env_file=None).allowed_hosts == ("dash.example.com", "*.example.org")  # type: ignore[call-arg]
    for wrong in ("http://dash.example.com", "dash.example.com:8501", "a b", "a.*.example.com"):
        monkeypatch.setenv("DASHBOARD_ALLOWED_HOSTS", wrong)
        with pytest.raises(ValidationError, match="without http:// and without a port"):
            Settings(_env_file=None)  # type: ignore[call-arg]


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_TRUSTED_PROXIES", "10.0.0.5, 172.18.0.0/16,2001:DB8::/32")
    assert Settings(_env_file=None).trusted_proxies == ("10.0.0.5", "172.18.0.0/16", "2001:db8::/32")  # type: ignore[call-arg]
    for wrong in ("proxy", "10.0.0.1/8", "10.0.0.5:80", "0.0.0.0/0", "::/0", "*"):
        monkeypatch.setenv("DASHBOARD_TRUSTED_PROXIES", wrong)
        with pytest.raises(
            DashboardError, match=r"DASHBOARD_TRUSTED_PROXIES is .*(write addresses|would let everybody)"
        ):
            get_settings.__wrapped__()


def test_the_form_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("DASHBOARD_LOG_FORMAT", "json")
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (settings.log_level, settings.log_format) == ("warning", "json")
    monkeypatch.setenv("DASHBOARD_LOG_LEVEL", "loud")
    with pytest.raises(DashboardError, match="DASHBOARD_LOG_LEVEL is 'loud'"):
        get_settings.__wrapped__()


@pytest.mark.parametrize("content", ["DASHBOARD_WORKERS=1\r\n".encode("utf-16"), b"DASHBOARD_MODEL=m\xfcller\n"])
def test_an_env_file_that_is_not_utf8_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """`>` of Windows PowerShell 5 writes UTF-16."""
    (tmp_path / ".env").write_bytes(content)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    get_settings.cache_clear()
    try:
        with pytest.raises(DashboardError, match="cannot be read: it is not UTF-8 text") as caught:
            get_settings()
    finally:
        get_settings.cache_clear()
    assert "Save the file as UTF-8" in caught.value.fix
