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

from dashboard.api.forms import form_of
from dashboard.api.json_bodies import invalid, read_json
from dashboard.api.media_types import media_type
from dashboard.api.openapi import schema_of
from dashboard.core.datasets.choices import Choices
from dashboard.core.datasets.labels_elsewhere import is_elsewhere
from dashboard.core.datasets.library import library
from dashboard.core.datasets.uploads import keep_upload, keep_uploads, not_stored
from dashboard.core.errors import DashboardError, DatasetError, listed
from dashboard.core.images.preprocessing import Fit
from dashboard.core.labels.class_names import LEAVE_OUT
from dashboard.core.settings import Settings
from dashboard.schemas.schema import Schema
from dashboard.services import Services

_SUFFIX_OF = {
    "application/zip": ".zip", "application/x-zip-compressed": ".zip", "application/x-tar": ".tar",
    "application/gzip": ".tar.gz", "application/vnd.apache.parquet": ".parquet",
}  # fmt: skip


class EvaluationOptions(Schema):
    """How to evaluate a dataset, and how to read it."""

    model: str = Field("", max_length=200, description="NAME or NAME@VERSION; by default the active version")
    fit: Fit | None = Field(
        None,
        description="how a picture with other proportions than the model's input is made to fit; by default as the model "
        "was trained",
    )
    label_map: dict[str, str | None] = Field(
        {}, description="the class that a label means, or (no label); null leaves its images out"
    )
    labels: str = Field("", max_length=500, description="a labels file in the dataset, `folders` or `file-names`")
    label_column: str = Field("", max_length=200, description="the column of the table that holds the labels")
    split: str = Field(
        "",
        max_length=100,
        description="the split to read, or `all`; `none` if the folders called train or test are classes",
    )
    zip_encoding: str = Field("", max_length=40, description="the encoding of the names in a ZIP")
    labels_from: int | None = Field(None, ge=0, le=1, description="whether labels that are numbers count from 0 or 1")
    no_cache: bool = Field(False, description="evaluate again, also if there is a result")


class OrderRecord(EvaluationOptions):
    """A dataset on this server to evaluate."""

    dataset: str = Field(
        max_length=500,
        description="the name of a dataset in the folder `datasets` of the data folder of this server, not a path",
    )


class UploadRecord(EvaluationOptions):
    """What is said about an upload."""

    name: str = Field("", max_length=255, description="the name of the file, if it is the body itself or the only one")


@dataclass(frozen=True)
class Order:
    """An evaluation to start."""

    dataset: Path
    model: str
    fit: Fit | None
    label_map: Mapping[str, str]
    choices: Choices
    first_id: int | None  # the number of the first class, if the labels are class ids
    no_cache: bool


MOST_VALUES = 1_000_000  # of the JSON of an order: labels that are mapped
_ON_SERVER = TypeAdapter(OrderRecord)
_UPLOAD = TypeAdapter(UploadRecord)
_LABEL_MAP = TypeAdapter(dict[str, str | None])


def _as_texts() -> dict[str, dict[str, Any]]:
    """The schema of each field of an upload, as a parameter of the query or a part of a form."""
    schemas = UploadRecord.model_json_schema()["properties"]
    schemas["label_map"] |= {"type": "string", "description": f"a JSON object: {schemas['label_map']['description']}"}
    for name, schema in schemas.items():
        for key in ("additionalProperties", "default", "title"):
            schema.pop(key, None)
        if others := schema.pop("anyOf", None):  # null is said by leaving the field out
            schemas[name] = {**others[0], **schema}
    return dict(schemas)


_TEXTS = _as_texts()
BODY: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "query", "schema": schema, "description": f"for an upload: {schema['description']}"}
        for name, schema in _TEXTS.items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schema_of(OrderRecord)},
            "application/zip": {"schema": {"type": "string", "contentMediaType": "application/zip"}},
            "application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                        },
                        **_TEXTS,
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
        record = await asyncio.to_thread(read_json, _ON_SERVER, await request.body(), MOST_VALUES)
        if request.query_params:
            raise DashboardError(
                f"The order is JSON, but {listed(sorted(request.query_params))} is in the query.",
                "Give everything in the JSON.", "request",
            )  # fmt: skip
        return _order(await asyncio.to_thread(_on_server, record.dataset, settings), record)
    upload = _said(request.query_params)
    if kind == "multipart/form-data":
        return _order(*await _of_form(request, settings))
    name = upload.name or f"dataset{_SUFFIX_OF.get(kind, '.zip')}"
    return _order(await _of_body(request, name, settings), upload)


def _said(texts: Mapping[str, str]) -> UploadRecord:
    """What a query or a form says about an upload. Raises DashboardError or RequestValidationError."""
    said: dict[str, Any] = dict(texts)
    if label_map := said.pop("label_map", ""):
        said["label_map"] = read_json(_LABEL_MAP, label_map.encode(errors="replace"), MOST_VALUES, "label_map")
    try:
        return _UPLOAD.validate_python(said)
    except ValidationError as error:
        raise invalid(error) from error


def _order(dataset: Path, record: EvaluationOptions) -> Order:
    if is_elsewhere(record.labels) or ".." in Path(record.labels).parts:
        raise DatasetError(
            "`labels` names a file elsewhere on this server.",
            "Put the labels file into the dataset, or send it as a second file of the form.",
            "labels_file",
        )
    meant = {label: LEAVE_OUT if to is None else to for label, to in record.label_map.items()}
    choices = Choices(record.labels, record.split, record.zip_encoding, record.label_column)
    return Order(dataset, record.model, record.fit, meant, choices, record.labels_from, record.no_cache)


def _on_server(name: str, settings: Settings) -> Path:
    known = library(settings)
    for entry in known:
        if name in (entry.title, entry.path.name):
            return entry.path
    raise DatasetError(
        f"There is no dataset {name!r} on this server.",
        f"`dataset` is a name, not a path. Known: {listed([each.title for each in known]) or 'none'}. Put the dataset into "
        "the folder `datasets` of the data folder of this server and give its name there, or upload it as the body.", "not_found",
    )  # fmt: skip


async def _of_form(request: Request, settings: Settings) -> tuple[Path, UploadRecord]:
    """The dataset in a form, and what the query and the text parts of the form say about it."""
    async with form_of(request, 100_000) as form:
        parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        if not parts:
            raise DashboardError("The form has no file.", "Send the dataset as a part called `file`.", "request")
        texts = {name: part for name, part in form.multi_items() if isinstance(part, str)}
        upload = _said({**request.query_params, **texts})
        name = upload.name if len(parts) == 1 else ""
        files: list[tuple[str, IO[bytes]]] = [(name or part.filename or "dataset.zip", part.file) for part in parts]
        return await asyncio.to_thread(keep_uploads, files, settings), upload


async def _of_body(request: Request, name: str, settings: Settings) -> Path:
    try:
        settings.uploads_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.uploads_dir) as file:
            async for block in request.stream():
                await asyncio.to_thread(file.write, block)
            if not file.tell():
                raise DashboardError(
                    "The request has no dataset: its body is empty.",
                    "Send the file as the body (`curl --data-binary @photos.zip`), or as a part `file` of a form.",
                    "request",
                )
            return await asyncio.to_thread(keep_upload, file, name, settings)
    except OSError as error:
        raise not_stored(name, error) from error
