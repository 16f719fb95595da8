"""The order of an evaluation: an uploaded dataset, or one on this server, and how to read it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fastapi import Request
from pydantic import Field, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from dashboard.api.json_bodies import invalid, read_json
from dashboard.api.media_types import media_type
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.labels_elsewhere import is_elsewhere
from dashboard.core.datasets.library import library
from dashboard.core.datasets.uploads import keep_upload, keep_uploads, not_stored
from dashboard.core.errors import DashboardError, DatasetError, listed
from dashboard.core.labels.class_names import LEAVE_OUT
from dashboard.core.settings import Settings
from dashboard.schemas.schema import Schema
from dashboard.services import Services

_SUFFIX_OF = {
    "application/zip": ".zip", "application/x-zip-compressed": ".zip", "application/x-tar": ".tar",
    "application/gzip": ".tar.gz", "application/vnd.apache.parquet": ".parquet",
}  # fmt: skip


class OrderRecord(Schema):
    """What to evaluate, and how to read the dataset."""

    dataset: str = Field(max_length=500, description="the name of a dataset on this server")
    model: str = Field("", max_length=200, description="NAME or NAME@VERSION; by default the active version")
    label_map: dict[str, str | None] = Field(
        {}, description="the class that a label means, or (no label); null leaves its images out"
    )
    labels: str = Field("", max_length=500, description="a labels file in the dataset, or `folders`")
    split: str = Field("", max_length=100, description="the split to read, or `all`")
    zip_encoding: str = Field("", max_length=40, description="the encoding of the names in a ZIP")
    no_cache: bool = Field(False, description="evaluate again, also if there is a result")


@dataclass(frozen=True)
class Order:
    """An evaluation to start."""

    dataset: Path
    model: str
    label_map: Mapping[str, str]
    choices: Choices
    no_cache: bool


MOST_VALUES = 1_000_000  # of the JSON of an order: labels that are mapped
_RECORD = TypeAdapter(OrderRecord)
_LABEL_MAP = TypeAdapter(dict[str, str | None])


def _option(name: str, description: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind}, "description": f"for an upload: {description}"}


_FIELDS = OrderRecord.model_fields
_OPTIONS = [
    _option("name", "the name of the file, if it is the body itself"),
    _option("label_map", "a JSON object, see the JSON body"),
    *(_option(name, str(_FIELDS[name].description)) for name in ("model", "labels", "split", "zip_encoding")),
    _option("no_cache", str(_FIELDS["no_cache"].description), "boolean"),
]
BODY: dict[str, Any] = {
    "parameters": _OPTIONS,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": OrderRecord.model_json_schema()},
            "application/zip": {"schema": {"type": "string", "contentMediaType": "application/zip"}},
            "application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                        }
                    },
                }
            },
        },
    },
}


async def receive_order(request: Request, services: Services) -> Order:
    """Reads the request; an upload goes to disk as it arrives. Raises DashboardError or RequestValidationError."""
    settings = services.settings
    kind = media_type(request.headers)
    if kind == "application/json":
        record = await asyncio.to_thread(read_json, _RECORD, await request.body(), MOST_VALUES)
        return _order(await asyncio.to_thread(_on_server, record.dataset, settings), record)
    options = {name: value for name, value in request.query_params.items() if name not in ("name", "label_map")}
    if given := request.query_params.get("label_map"):
        options["label_map"] = read_json(_LABEL_MAP, given.encode(), MOST_VALUES)  # type: ignore[assignment]
    try:
        record = _RECORD.validate_python({**options, "dataset": "upload"})
    except ValidationError as error:
        raise invalid(error) from error
    if kind == "multipart/form-data":
        return _order(await _of_form(request, settings), record)
    name = request.query_params.get("name") or f"dataset{_SUFFIX_OF.get(kind, '.zip')}"
    return _order(await _of_body(request, name, settings), record)


def _order(dataset: Path, record: OrderRecord) -> Order:
    if is_elsewhere(record.labels) or ".." in Path(record.labels).parts:
        raise DatasetError(
            "`labels` names a file elsewhere on this server.", "Put the labels file into the dataset.", "labels_file"
        )
    meant = {label: LEAVE_OUT if to is None else to for label, to in record.label_map.items()}
    choices = Choices(record.labels, record.split, record.zip_encoding)
    return Order(dataset, record.model, meant, choices, record.no_cache)


def _on_server(name: str, settings: Settings) -> Path:
    known = library(settings)
    for entry in known:
        if name in (entry.title, entry.path.name):
            return entry.path
    raise DatasetError(
        f"There is no dataset {name!r} on this server.",
        f"Known: {listed([each.title for each in known])}. Or upload it as the body.", "not_found",
    )  # fmt: skip


async def _of_form(request: Request, settings: Settings) -> Path:
    async with request.form(max_files=100_000, max_fields=16) as form:
        parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        if not parts:
            raise DashboardError("The form has no file.", "Send the dataset as a part called `file`.", "request")
        files: list[tuple[str, IO[bytes]]] = [(part.filename or "dataset.zip", part.file) for part in parts]
        return await asyncio.to_thread(keep_uploads, files, settings)


async def _of_body(request: Request, name: str, settings: Settings) -> Path:
    try:
        settings.uploads_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.uploads_dir) as file:
            async for block in request.stream():
                await asyncio.to_thread(file.write, block)
            return await asyncio.to_thread(keep_upload, file, name, settings)
    except OSError as error:
        raise not_stored(name, error) from error
