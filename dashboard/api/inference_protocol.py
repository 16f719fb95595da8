"""The Open Inference Protocol, version 2, so that the clients of KServe and Triton work unchanged.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol

A model takes `image`: encoded image files as BYTES of shape (N), or pixels as UINT8 of shape (N, H, W, 3). It gives
`pred_probs`, FP32 of shape (N, K), and `predicted_label`, BYTES of shape (N).
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from dashboard.api.access import needs
from dashboard.api.context import Opened
from dashboard.api.health import Readiness
from dashboard.api.inference_records import ANSWER, LENGTH, READINESS, REQUEST
from dashboard.api.problems import answers
from dashboard.api.tensors import files_of, parameters_of, wrong
from dashboard.core.access.visitor import Visitor
from dashboard.core.errors import DashboardError, ImageError
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.core.parsing import parse_json

router = APIRouter(tags=["Open Inference Protocol"])
Part = Annotated[str, Path(max_length=100)]


async def server(request: Request) -> dict[str, Any]:
    """Name and version of the server."""
    return {"name": "classifier-dashboard", "version": request.app.version, "extensions": ["binary_tensor_data"]}


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """Whether the server answers."""
    return {"live": True}


@router.get("/health/ready", responses={200: READINESS, 503: READINESS})
async def ready(request: Request, services: Opened) -> Response:
    """Whether the active model can predict."""
    readiness: Readiness = request.app.state.readiness
    try:
        await readiness.check(services)
    except DashboardError as error:
        return JSONResponse({"ready": False, "error": str(error)}, 503)
    return JSONResponse({"ready": True})


@router.get("/models/{name}", responses=answers(404))
@router.get("/models/{name}/versions/{version}", operation_id="version_metadata", responses=answers(404))
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
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],  # a client may send all that are listed here
        "outputs": [
            {"name": "pred_probs", "datatype": "FP32", "shape": [-1, n_classes]},
            {"name": "predicted_label", "datatype": "BYTES", "shape": [-1]},
        ],
        "parameters": {
            "class_names": list(found.class_names),
            "instead_of_inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}],
        },
    }


@router.get("/models/{name}/ready", responses=answers(404))
@router.get("/models/{name}/versions/{version}/ready", operation_id="version_ready", responses=answers(404))
async def model_ready(
    caller: Annotated[Visitor, needs("predict")], services: Opened, name: Part, version: str = ""
) -> Response:
    """Whether a model can be loaded."""
    found = await asyncio.to_thread(_version, services, name, version)
    await asyncio.to_thread(services.inference.describe, found)
    return JSONResponse({"name": found.name, "ready": True})


@router.post("/models/{name}/infer", openapi_extra=REQUEST, responses={**answers(404), 200: ANSWER})
@router.post(
    "/models/{name}/versions/{version}/infer", operation_id="version_infer", openapi_extra=REQUEST,
    responses={**answers(404), 200: ANSWER},
)  # fmt: skip
async def infer(
    caller: Annotated[Visitor, needs("predict")], services: Opened, request: Request, name: Part, version: str = ""
) -> Response:
    """Predicts the images of the tensor `image`."""
    found = await asyncio.to_thread(_version, services, name, version)
    body = await request.body()
    order, binary = await asyncio.to_thread(_split, body, request.headers.get(LENGTH))
    files = await asyncio.to_thread(files_of, order, binary, services.settings.api_max_images)
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
            raise wrong(f"{LENGTH} is not a length within the body")
        length = int(header)
    try:
        order = parse_json(body[:length])
    except ValueError as error:
        raise wrong("the body is not JSON") from error
    if not isinstance(order, dict):
        raise wrong("the body is not a JSON object")
    return order, body[length:]


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
        raise wrong(f"there is no output {min(unknown)!r}")
    all_binary = parameters_of(order).get("binary_data_output") is True
    outputs, tail = [], []
    for name, (kind, shape, values, binary) in known.items():
        if wanted and name not in wanted:
            continue
        tensor: dict[str, Any] = {"name": name, "datatype": kind, "shape": shape}
        if parameters_of(wanted.get(name, {})).get("binary_data", all_binary):
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
