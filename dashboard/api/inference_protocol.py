"""The Open Inference Protocol, version 2, so that the clients of KServe and Triton work unchanged.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol

A model takes `image`: encoded image files as BYTES of shape (N), or pixels as UINT8 of shape (N, H, W, 3). It gives
`pred_probs`, FP32 of shape (N, K), and `predicted_label`, BYTES of shape (N).
"""

from __future__ import annotations

import asyncio
import json
import struct
from base64 import b64decode
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from dashboard.api.access import needs
from dashboard.api.context import Opened
from dashboard.api.health import Readiness
from dashboard.core.access.visitor import Visitor
from dashboard.core.errors import DashboardError, ImageError
from dashboard.core.files import parse_json
from dashboard.core.images.drawing import encode_png
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

LENGTH = "Inference-Header-Content-Length"
router = APIRouter(tags=["Open Inference Protocol"])
Part = Annotated[str, Path(max_length=100)]


async def server(request: Request) -> dict[str, Any]:
    """Name and version of the server."""
    return {"name": "classifier-dashboard", "version": request.app.version, "extensions": ["binary_tensor_data"]}


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """Whether the server answers."""
    return {"live": True}


@router.get("/health/ready")
async def ready(request: Request, services: Opened) -> Response:
    """Whether the active model can predict."""
    readiness: Readiness = request.app.state.readiness
    try:
        await asyncio.to_thread(readiness.check, services)
    except DashboardError as error:
        return JSONResponse({"ready": False, "error": str(error)}, 503)
    return JSONResponse({"ready": True})


@router.get("/models/{name}")
@router.get("/models/{name}/versions/{version}", operation_id="version_metadata")
def metadata(
    caller: Annotated[Visitor, needs("predict")], services: Opened, name: Part, version: str = ""
) -> dict[str, Any]:
    """Inputs and outputs of a model."""
    found = _version(services, name, version)
    own = [each.version for each in services.registry.versions() if each.name == found.name]
    n_classes = len(found.class_names)
    return {
        "name": found.name,
        "versions": own,
        "platform": "keras",
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "pred_probs", "datatype": "FP32", "shape": [-1, n_classes]},
            {"name": "predicted_label", "datatype": "BYTES", "shape": [-1]},
        ],
        "parameters": {"class_names": list(found.class_names)},
    }


@router.get("/models/{name}/ready")
@router.get("/models/{name}/versions/{version}/ready", operation_id="version_ready")
async def model_ready(
    caller: Annotated[Visitor, needs("predict")], services: Opened, name: Part, version: str = ""
) -> Response:
    """Whether a model can be loaded."""
    found = await asyncio.to_thread(_version, services, name, version)
    await asyncio.to_thread(services.inference.describe, found)
    return JSONResponse({"name": found.name, "ready": True})


@router.post("/models/{name}/infer")
@router.post("/models/{name}/versions/{version}/infer", operation_id="version_infer")
async def infer(
    caller: Annotated[Visitor, needs("predict")], services: Opened, request: Request, name: Part, version: str = ""
) -> Response:
    """Predicts the images of the tensor `image`."""
    found = await asyncio.to_thread(_version, services, name, version)
    body = await request.body()
    order, binary = await asyncio.to_thread(_split, body, request.headers.get(LENGTH))
    files = await asyncio.to_thread(_files, order, binary, services.settings.api_max_images)
    coming = await asyncio.to_thread(services.answering.predict_later, found, files, "api", caller.name)
    answers = [each.answer for each in await asyncio.wrap_future(coming)]
    for number, answer in enumerate(answers):
        if isinstance(answer, Failure):
            raise ImageError(f"image {number}: {answer.message}", answer.fix, answer.code)
    request.app.state.measures.predicted(found, answers)
    return _answer(found, order, [each for each in answers if isinstance(each, Prediction)])


def _version(services: Any, name: str, version: str) -> ModelVersion:
    found: ModelVersion = services.registry.get(f"{name}@{version}" if version else name)
    return found


def _split(body: bytes, header: str | None) -> tuple[dict[str, Any], bytes]:
    """The JSON of a request and the binary tensors after it."""
    length = len(body)
    if header is not None:
        if not header.isdecimal() or int(header) > len(body):
            raise _wrong(f"{LENGTH} is not a length within the body")
        length = int(header)
    try:
        order = parse_json(body[:length])
    except ValueError as error:
        raise _wrong("the body is not JSON") from error
    if not isinstance(order, dict):
        raise _wrong("the body is not a JSON object")
    return order, body[length:]


def _files(order: dict[str, Any], binary: bytes, most: int) -> list[bytes]:
    """The image files of a request."""
    inputs = order.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise _wrong("`inputs` must be a list of one tensor")
    tensor = inputs[0]
    kind, shape, data = tensor.get("datatype"), tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
        raise _wrong("`shape` must be a list of whole numbers")
    size = _parameters(tensor).get("binary_data_size")
    if size is not None and (not isinstance(size, int) or size != len(binary)):
        raise _wrong("`binary_data_size` differs from the binary data")
    if kind == "BYTES":
        return _checked(_of_base64(data) if size is None else _of_strings(binary, most), shape, most)
    return _of_pixels(_pixels(data) if size is None else np.frombuffer(binary, np.uint8), kind, shape, most)


def _parameters(of: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a request or of a tensor."""
    found = of.get("parameters")
    return found if isinstance(found, dict) else {}


def _of_base64(data: object) -> list[bytes]:
    try:
        return [b64decode(each, validate=True) for each in _flat(data)]
    except (ValueError, TypeError, RecursionError) as error:
        raise _wrong("`data` of BYTES must be base64 of image files") from error


def _pixels(data: object) -> np.ndarray:
    """Pixels in JSON as (N,) uint8."""
    try:
        pixels = np.asarray(data)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _wrong("`data` must be numbers") from error
    # pixels between 0 and 1 must not become a black image
    if pixels.size and (pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255):
        raise _wrong("UINT8 pixels must be whole numbers within 0 and 255")
    return pixels.astype(np.uint8).ravel()


def _of_strings(binary: bytes, most: int) -> list[bytes]:
    """BYTES as binary data: each with its length, 4 bytes little endian, before it. Stops when they are too many."""
    found: list[bytes] = []
    at = 0
    while at < len(binary) and len(found) <= most:
        if at + 4 > len(binary):
            raise _wrong("the binary data ends within a length")
        [length] = struct.unpack_from("<I", binary, at)
        if at + 4 + length > len(binary):
            raise _wrong("the binary data ends within an image")
        found.append(binary[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _check_count(images: int, most: int) -> None:
    if images > most:
        raise DashboardError(f"{images:,} images; {most:,} are allowed.", "Send fewer at a time.", "too_large")


def _checked(images: list[bytes], shape: list[int], most: int) -> list[bytes]:
    _check_count(len(images), most)
    if not images or shape not in ([len(images)], [len(images), 1]):
        raise _wrong("the number of images differs from the shape, or there is none")
    return images


def _of_pixels(pixels: np.ndarray, kind: object, shape: list[int], most: int) -> list[bytes]:
    if kind != "UINT8" or len(shape) != 4 or shape[3] != 3 or min(shape) < 1:
        raise _wrong("`image` must be BYTES of shape (N), or UINT8 of shape (N, H, W, 3)")
    if pixels.size != int(np.prod(shape, dtype=object)):
        raise _wrong("the number of values differs from the shape")
    _check_count(shape[0], most)  # before any image is made
    return [encode_png(image) for image in pixels.reshape(shape)]


def _flat(data: object) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError
    return [each for part in data for each in _flat(part)] if data and isinstance(data[0], list) else data


def _answer(version: ModelVersion, order: dict[str, Any], answers: list[Prediction]) -> Response:
    probs = np.array([each.pred_probs for each in answers], np.float32).reshape(-1, len(version.class_names))
    labels = [version.class_names[each.class_id] for each in answers]
    as_strings = [label.encode() for label in labels]
    known = {
        "pred_probs": ("FP32", list(probs.shape), probs.ravel().tolist(), probs.tobytes()),
        "predicted_label": (
            "BYTES", [len(labels)], labels, b"".join(struct.pack("<I", len(text)) + text for text in as_strings)
        ),
    }  # fmt: skip
    asked = order.get("outputs")
    wanted = (
        {str(each.get("name")): each for each in asked if isinstance(each, dict)} if isinstance(asked, list) else {}
    )
    if unknown := wanted.keys() - known.keys():
        raise _wrong(f"there is no output {min(unknown)!r}")
    all_binary = _parameters(order).get("binary_data_output") is True
    outputs, tail = [], []
    for name, (kind, shape, values, binary) in known.items():
        if wanted and name not in wanted:
            continue
        tensor: dict[str, Any] = {"name": name, "datatype": kind, "shape": shape}
        if _parameters(wanted.get(name, {})).get("binary_data", all_binary):
            tensor["parameters"] = {"binary_data_size": len(binary)}
            tail.append(binary)
        else:
            tensor["data"] = values
        outputs.append(tensor)
    record: dict[str, Any] = {"model_name": version.name, "model_version": version.version, "outputs": outputs}
    if isinstance(order.get("id"), str):
        record["id"] = order["id"]
    head = json.dumps(record).encode()
    if not tail:
        return Response(head, media_type="application/json")
    return Response(head + b"".join(tail), media_type="application/octet-stream", headers={LENGTH: str(len(head))})


def _wrong(what: str) -> DashboardError:
    return DashboardError(
        f"The inference request cannot be used: {what}.", "See the Open Inference Protocol.", "request"
    )
