"""The settings, read once from the environment (DASHBOARD_...) or a .env file."""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from dashboard.core.errors import DashboardError
from dashboard.core.files import how_to_write_again
from dashboard.core.shell import INSTALLED, ROOT

HOME = (
    user_data_path("classifier-dashboard", appauthor=False) if INSTALLED else ROOT
)  # has .env and all files that are written


def _default_models_dir(fields: dict[str, Any]) -> Path:
    return Path(fields.get("data_dir", HOME)) / "models" if INSTALLED else ROOT / "models"


CHUNK_SIZE = 128  # default: images that a worker takes at a time
TASK_S = 120.0  # default: seconds that a worker may take for them
WORKER_START_S = 120.0  # default: seconds that a worker process may take to start
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


class Settings(BaseSettings):
    """The dashboard's settings; immutable."""

    model_config = SettingsConfigDict(
        env_prefix="DASHBOARD_",
        env_file=HOME / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    data_dir: Path = HOME if INSTALLED else ROOT / "data"
    models_dir: Path = Field(default_factory=_default_models_dir, description="added models and active.json")
    model: str = Field(default="", description="NAME or NAME@VERSION served by default; empty: models/active.json")
    workers: int = Field(default=min(2, os.cpu_count() or 1), ge=1, le=64, description="worker processes")
    worker_start_s: float = Field(
        default=WORKER_START_S, gt=0, description="how long a worker may take to import TensorFlow"
    )
    fork: Literal["auto", "never"] = Field(
        default="auto", description="auto: workers are forked from a process that has imported TensorFlow, on Linux"
    )
    task_s: float = Field(default=TASK_S, gt=0, description="how long one chunk or one prediction may take")
    chunk_size: int = Field(default=CHUNK_SIZE, ge=1, le=4096, description="images per chunk of an evaluation")
    batch_wait_ms: float = Field(
        default=3.0, ge=0, le=1000, description="how long a prediction waits for others while a worker is busy"
    )
    cluster: str = Field(default="", description="address of a Ray cluster that does the work; empty: this machine")
    precision: Literal["auto", "float32"] = Field(
        default="auto", description="auto: bfloat16 for versions that allow it, on processors that gain by it"
    )
    max_upload_mb: int = Field(
        default=2048, ge=1, description="largest dataset that can be uploaded, in MiB (2^20 bytes)"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="names that the served pages answer to, separated by commas; *.example.com for all of them",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="addresses or networks of reverse proxies on other machines, separated by commas, whose "
        "X-Forwarded-For says who asks; one on this machine is trusted anyway",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least that the log of a server tells"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="form of the lines in the log of a server")
    api_max_body_mb: int = Field(default=64, ge=1, description="largest request of the HTTP API, except for datasets")
    api_max_images: int = Field(default=256, ge=1, description="images in one request of the HTTP API")
    api_requests_per_minute: int = Field(default=60_000, ge=1, description="requests of one client of the HTTP API")
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="postgresql://USER:PASSWORD@HOST/NAME; empty: dashboard.sqlite3 in the data folder",
    )
    usual_database_url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="DATABASE_URL",
        description="the same under the name that hosts of databases use; `database_url` goes before it",
    )
    database_lock_s: float = Field(default=5.0, gt=0, description="how long one try waits for a locked database")
    history_images: bool = Field(default=False, description="whether the history also keeps the predicted images")
    history_image_days: int = Field(default=30, ge=0, description="days that it keeps them; 0: for ever")
    history_days: int = Field(default=0, ge=0, description="days that the history keeps a prediction; 0: for ever")
    answer_cache_mb: int = Field(default=256, ge=0, description="size of the store of answers; 0: none are stored")
    allow_anyone_who_reaches_this_server_to_use_it: bool = Field(
        default=False, description="serve other machines without a password and without tokens"
    )
    admins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="e-mails of those who see and change everybody's evaluations, separated by commas"
    )
    password_hash: SecretStr = Field(
        default=SecretStr(""), description="Argon2 hash of the pages' password; empty: that of the file `password.txt`"
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _host_names(cls, text: object) -> object:
        """The host names in a list separated by commas."""
        if not isinstance(text, str):
            return text
        names = _listed(text)
        if wrong := [name for name in names if not _HOST.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} is not the name of a host; write it without http:// and without a port")
        return names

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, text: object) -> object:
        """The addresses and networks in a list separated by commas."""
        if not isinstance(text, str):
            return text
        names = _listed(text)
        for name in names:
            try:
                network = ipaddress.ip_network(name)
            except ValueError as error:
                raise ValueError(f"{error}; write addresses such as 10.0.0.5 or networks such as 10.0.0.0/24") from None
            if not network.prefixlen:
                raise ValueError(f"{name} would let everybody name any address as their own; name the proxies only")
        return names

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower_case(cls, text: object) -> object:
        """The word in lower case."""
        return text.lower() if isinstance(text, str) else text

    @field_validator("admins", mode="before")
    @classmethod
    def _e_mails(cls, text: object) -> object:
        """The e-mails in a list separated by commas."""
        if not isinstance(text, str):
            return text
        emails = _listed(text)
        if wrong := [each for each in emails if "@" not in each]:
            raise ValueError(f"{wrong[0]!r} is not an e-mail address")
        return emails

    @field_validator("password_hash")
    @classmethod
    def _argon2(cls, stated: SecretStr) -> SecretStr:
        """The hash of a password."""
        if (text := stated.get_secret_value()) and not text.startswith("$argon2"):
            raise ValueError(
                "it is not an Argon2 hash, which begins with $argon2; leave it empty to use the file `password.txt`"
            )
        return stated

    @field_validator("models_dir", "data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        """The absolute path of a folder; ~ stands for the home folder."""
        try:
            return folder.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(str(error)) from error

    @property
    def bundled_models_dir(self) -> Path | None:
        """The read-only models that an installed dashboard also serves; None if the user set `models_dir`."""
        return ROOT / "models" if INSTALLED and "models_dir" not in self.model_fields_set else None

    @property
    def samples_dir(self) -> Path:
        """Folder of labelled sample images: in the data folder, else the samples that come with the dashboard."""
        own = self.data_dir / "samples"
        # not `Path.is_dir`, which raises PermissionError if the data folder cannot be entered
        return own if os.path.isdir(own) else ROOT / "data" / "samples"  # noqa: PTH112

    @property
    def datasets_dir(self) -> Path:
        """Folder of datasets on the server, offered on the Batch evaluation page."""
        return self.data_dir / "datasets"

    @property
    def uploads_dir(self) -> Path:
        """Folder of uploaded datasets."""
        return self.data_dir / "uploads"

    @property
    def described_dir(self) -> Path:
        """Folder for datasets whose labels are in another file, see `core.datasets.described`."""
        return self.data_dir / "described"

    @property
    def downloads_dir(self) -> Path:
        """Folder of downloaded archives."""
        return self.data_dir / "downloads"

    @property
    def runs_dir(self) -> Path:
        """Folder of the runs."""
        return self.data_dir / "runs"


def _listed(text: str) -> tuple[str, ...]:
    """The parts of a list separated by commas, in lower case."""
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


def check_data_dir(data_dir: Path) -> None:
    """Raises DashboardError if the data folder is there but cannot be entered and listed. One that is missing is made later."""
    try:
        os.stat(f"{data_dir}/.")  # noqa: PTH116 - a Path would lose the dot, for which the folder has to be entered
        os.scandir(data_dir).close()  # Windows lets everybody enter a folder, but not list it
    except FileNotFoundError:
        return
    except OSError as error:
        denied = isinstance(error, PermissionError)
        permit = "Permit the dashboard's user to enter, read and write it and to enter the folders above it"
        raise DashboardError(
            f"The data folder {data_dir} cannot be entered: {error.strerror or error}.",
            f"{permit if denied else how_to_write_again(error)}, or set DASHBOARD_DATA_DIR to another folder.",
            "permission" if denied else "system",
        ) from error


@lru_cache
def get_settings() -> Settings:
    """The settings of this process. Raises DashboardError if a setting is invalid."""
    try:
        return Settings()
    except ValidationError as error:
        raise DashboardError(
            " ".join(_told(fault["loc"], fault["input"], fault["msg"]) for fault in error.errors()),
            f"Change it in the environment or in {HOME / '.env' if INSTALLED else '.env'}; the README lists the settings.",
            "settings",
        ) from error
    except (OSError, ValueError) as error:
        what = "it is not UTF-8 text" if isinstance(error, UnicodeError) else str(error)
        raise DashboardError(
            f"The settings in {HOME / '.env'} cannot be read: {what}.",
            "Save the file as UTF-8, with one NAME=value per line, or delete it.",
            "settings",
        ) from error


def _told(where: Sequence[int | str], value: object, message: str) -> str:
    """What is wrong with a setting. The value of a secret is not shown."""
    name = "_".join(map(str, where))
    field = Settings.model_fields.get(name)
    shown = "" if field is not None and field.annotation is SecretStr else f" is {str(value)!r}"
    return f"DASHBOARD_{name.upper()}{shown}: {message.removeprefix('Value error, ')}."


def unknown_settings() -> list[str]:
    """Names in the environment and in .env that look like settings but are none: perhaps they are misspelt."""
    with contextlib.suppress(OSError, ValueError):  # a file that cannot be read has no names
        in_file = [name.upper() for name in DotEnvSettingsSource(Settings).env_vars]
        return _unknown((*os.environ, *in_file))
    return _unknown(os.environ)


def _unknown(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.upper().startswith("DASHBOARD_") and name.upper() not in _names()})


def no_such_setting(name: str) -> tuple[str, str]:
    """Two sentences: that a name is no setting, and which one may be meant."""
    meant = difflib.get_close_matches(name.upper(), _names(), 1)
    perhaps = f"Did you mean {meant[0]}?" if meant else "The README lists the settings."
    return f"{name} is not a setting of the dashboard.", perhaps


def _names() -> list[str]:
    return [f"DASHBOARD_{name.upper()}" for name, field in Settings.model_fields.items() if not field.validation_alias]
