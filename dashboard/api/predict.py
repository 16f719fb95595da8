"""POST /predict and POST /explain."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from dashboard.api.access import needs
from dashboard.api.context import Opened
from dashboard.api.images import BODY, ImageFile, Images
from dashboard.api.problems import answers
from dashboard.api.queries import KNOWN_QUERY
from dashboard.core.access.visitor import Visitor
from dashboard.core.errors import DashboardError, ImageError, concerns_one_image, listed
from dashboard.core.explanations.methods import DEFAULT_METHOD, METHODS
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import MapRequest
from dashboard.core.history.answering import Answered
from dashboard.core.history.entry import Entry
from dashboard.core.images.drawing import encode_png, enlarge
from dashboard.core.images.model_input import decode_with_notes
from dashboard.core.images.preprocessing import Fit, fit_image
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.errors import ErrorRecord, FailedImage
from dashboard.schemas.explanations import ExplanationRecord
from dashboard.schemas.predictions import MOST_TOP_K, TOP_K, RankedPrediction, ranked_fields
from dashboard.schemas.schema import Schema
from dashboard.services import Services

OVERLAY_SIDE = 512  # pixels
router = APIRouter(tags=["predict"], dependencies=[needs("predict"), KNOWN_QUERY])
Model = Annotated[str, Query(description="NAME or NAME@VERSION; by default the active version", max_length=200)]
FitQuery = Annotated[
    Fit | None,
    Query(
        description="how a picture with other proportions than the model's input is made to fit; by default as the model was "
        "trained"
    ),
]
TopK = Annotated[int, Query(ge=1, le=MOST_TOP_K, description="how many classes `top` lists")]


class MapAnswer(ExplanationRecord):
    """The heatmap of one method, with its values and drawn over the image."""

    overlay_png: str = Field(description="the overlay as a PNG file in base64")


class Answer(RankedPrediction):
    """A model version's answer for one image of a request."""

    explanations: list[MapAnswer] = Field(description="empty unless asked for")


class Predictions(Schema):
    """The answers for the images of a request, in their order."""

    predictions: list[Answer | FailedImage]
    seconds: float = Field(description="time from the arrival of the images to the answer")


@router.post("/predict", openapi_extra=BODY, responses=answers(400, 404, 507))
async def predict(
    caller: Annotated[Visitor, needs("predict")],
    services: Opened,
    request: Request,
    images: Images,
    model: Model = "",
    fit: FitQuery = None,
    top_k: TopK = TOP_K,
    threshold: Annotated[
        float | None, Query(ge=0, le=1, description="the least confidence of an answer that counts as sure")
    ] = None,
    explain: Annotated[str, Query(description=f"also explain: {', '.join(METHODS)}", max_length=40)] = "",
    target: Annotated[
        str, Query(description="the class to explain; by default the predicted one", max_length=200)
    ] = "",
) -> Predictions:
    """The class of each image.

    Send one image file as the body, several as parts of a form called `files`, or JSON with base64. If one of several
    images cannot be read or explained, its place has the error, and the others are answered.
    """
    started = time.perf_counter()
    version = (await asyncio.to_thread(services.registry.get, model)).fitting(fit)
    if explain:
        _check(version, [explain], target)
    elif target:
        raise DashboardError(
            "`target` is the class to explain, but `explain` names no method.",
            f"Add `explain` with one of: {', '.join(METHODS)}; or leave `target` out.", "request",
        )  # fmt: skip
    names, data = [each.name for each in images], [each.data for each in images]
    coming = await asyncio.to_thread(services.answering.predict_later, version, data, "api", caller.name, names)
    found = await asyncio.wrap_future(coming)
    if len(found) == 1 and isinstance(found[0].answer, Failure):
        raise ImageError(found[0].answer.message, found[0].answer.fix, found[0].answer.code)
    request.app.state.measures.predicted(version, [each.answer for each in found])
    records: list[Answer | FailedImage] = []
    for image, each in zip(images, found, strict=True):
        if isinstance(each.answer, Failure):
            records.append(FailedImage(file=image.name, error=ErrorRecord.of(each.answer)))
            continue
        maps: list[MapAnswer] = []
        if explain:
            asked = MapRequest((explain,), target=target or None)
            try:
                _, maps = await asyncio.to_thread(_explain_one, services, version, image, asked)
            except DashboardError as error:
                records.append(_failed(image, error, images))
                continue
        records.append(_answer(version, image, each.answer, top_k, threshold, maps, each))
    return Predictions(predictions=records, seconds=round(time.perf_counter() - started, 4))


@router.post("/explain", openapi_extra=BODY, responses=answers(400, 404, 507))
async def explain(
    caller: Annotated[Visitor, needs("predict")],
    services: Opened,
    images: Images,
    model: Model = "",
    fit: FitQuery = None,
    method: Annotated[
        list[str], Query(description=f"repeat it for several: {', '.join(METHODS)}", max_length=len(METHODS))
    ] = [DEFAULT_METHOD],  # noqa: B006 - FastAPI copies it
    layer: Annotated[
        str,
        Query(description="convolutional layer; by default the deepest with a grid of at least 4x4", max_length=200),
    ] = "",
    target: Annotated[
        str, Query(description="the class to explain; by default the predicted one", max_length=200)
    ] = "",
    faithfulness: Annotated[bool, Query(description="also test whether each map is better than chance")] = False,
    top_k: TopK = TOP_K,
) -> Predictions:
    """Where the model looks in each image: heatmaps by one or more methods."""
    started = time.perf_counter()
    version = (await asyncio.to_thread(services.registry.get, model)).fitting(fit)
    _check(version, method, target)
    request = MapRequest(tuple(dict.fromkeys(method)), layer or None, target or None, faithfulness)
    records: list[Answer | FailedImage] = []
    for image in images:
        try:
            prediction, maps = await asyncio.to_thread(_explain_one, services, version, image, request)
        except DashboardError as error:
            records.append(_failed(image, error, images))
            continue
        latency_ms = (time.perf_counter() - started) * 1000
        entry = Entry.of(version, prediction, image.data, "api", caller.name, image.name, latency_ms)
        cached = all(each.cached for each in maps)
        answered = Answered(prediction, services.history.record(entry), cached, latency_ms)
        records.append(_answer(version, image, prediction, top_k, None, maps, answered))
    return Predictions(predictions=records, seconds=round(time.perf_counter() - started, 4))


def _check(version: ModelVersion, methods: list[str], target: str) -> None:
    """Raises DashboardError for a method or a target that does not exist."""
    if unknown := [each for each in methods if each not in METHODS]:
        raise DashboardError(
            f"There is no method {unknown[0]!r}.", f"One of: {', '.join(METHODS)}.", "method_unknown"
        )  # fmt: skip
    if target and target not in version.class_names:
        raise DashboardError(
            f"{target!r} is not a class of {version.ref}.", f"One of: {listed(version.class_names, 20)}.", "choice"
        )


def _failed(image: ImageFile, error: DashboardError, images: list[ImageFile]) -> FailedImage:
    """The answer for one of several images. Raises the error if it is the only one, or if no other can be answered."""
    if len(images) == 1 or not concerns_one_image(error):
        raise error
    return FailedImage(file=image.name, error=ErrorRecord.of(error))


def _explain_one(
    services: Services, version: ModelVersion, image: ImageFile, request: MapRequest
) -> tuple[Prediction, list[MapAnswer]]:
    found = services.explainer.explain_all(version, image.data, request)
    decoded = decode_with_notes(image.data, version.preprocessing)
    pixels = enlarge(fit_image(decoded.pixels, version.preprocessing), OVERLAY_SIDE)
    maps = []
    for each in found:
        png = b64encode(encode_png(overlay(pixels, each.heatmap))).decode()
        record = ExplanationRecord.of(version, each, with_values=True)
        maps.append(MapAnswer(**dict(record), overlay_png=png))
    return replace(found[0].prediction, notes=decoded.notes), maps


def _answer(
    version: ModelVersion,
    image: ImageFile,
    prediction: Prediction,
    top_k: int,
    threshold: float | None,
    maps: list[MapAnswer],
    answered: Answered,
) -> Answer:
    return Answer(
        **ranked_fields(image.name, version, prediction, answered.prediction_id, top_k, threshold),
        explanations=maps,
        cached=answered.cached,
    )
