"""The image files of a request: the body itself, the files of a form, or base64 in JSON."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import FailFast, Field, TypeAdapter
from starlette.datastructures import UploadFile

from dashboard.api.forms import form_of
from dashboard.api.json_bodies import read_json
from dashboard.api.media_types import media_type
from dashboard.api.openapi import schema_of
from dashboard.core.errors import DashboardError
from dashboard.schemas.schema import Schema

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/*", "application/octet-stream")


@dataclass(frozen=True)
class ImageFile:
    """One image file, as it was sent."""

    name: str
    data: bytes


class EncodedImage(Schema):
    """An image file in JSON."""

    name: str = Field("image", max_length=255, description="repeated in the answer")
    data: str = Field(description="the bytes of the file, in base64")


class EncodedImages(Schema):
    """Image files in JSON."""

    images: Annotated[list[EncodedImage], FailFast()] = Field(min_length=1)


_ENCODED = TypeAdapter(EncodedImages)
_COMMAS = 300  # of one image in JSON, if its name consists of them
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schema_of(EncodedImages)},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "additionalProperties": False,
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                        }
                    },
                }
            },
            **{each: {"schema": {"type": "string", "contentMediaType": each}} for each in IMAGE_TYPES},
        },
    }
}


async def image_files(
    request: Request,
    name: Annotated[str, Query(max_length=255, description="of the image, if it is the body itself")] = "",
) -> list[ImageFile]:
    """The image files of a request. Raises DashboardError or RequestValidationError."""
    most: int = request.app.state.get_services().settings.api_max_images
    kind = media_type(request.headers)
    if kind == "multipart/form-data":
        files = await _of_form(request, most)
    elif kind == "application/json":
        files = await asyncio.to_thread(_of_json, await request.body(), most)
    else:
        files = [ImageFile(name or "image", await request.body())]
    if not files:
        raise DashboardError("The form has no file.", "Send the images as parts called `files`.", "request")
    if len(files) > most:
        raise DashboardError(
            f"{len(files):,} images in one request; {most:,} are allowed.",
            "Send fewer at a time, or a dataset to /evaluations.", "too_large",
        )  # fmt: skip
    return files


async def _of_form(request: Request, most: int) -> list[ImageFile]:
    async with form_of(request, most + 1) as form:
        if texts := [name for name, part in form.multi_items() if not isinstance(part, UploadFile)]:
            raise DashboardError(
                f"The form has the text {texts[0]!r}, but only files are read from it.",
                "Send the images as files called `files`, and everything else in the query.", "request",
            )  # fmt: skip
        parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        return [ImageFile(part.filename or "image", await part.read()) for part in parts]


def _of_json(body: bytes, most: int) -> list[ImageFile]:
    found = read_json(_ENCODED, body, (most + 1) * _COMMAS)
    return [_decoded(number, each) for number, each in enumerate(found.images)]


def _decoded(number: int, image: EncodedImage) -> ImageFile:
    try:
        return ImageFile(image.name, b64decode(image.data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise DashboardError(
            f"images.{number}.data is not base64: {error}.",
            "Encode the bytes of the file, without a prefix.",
            "request",
        ) from error


Images = Annotated[list[ImageFile], Depends(image_files)]
