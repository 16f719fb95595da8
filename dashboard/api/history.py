"""GET /history, and feedback on predictions."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field, TypeAdapter

from dashboard.api.access import needs
from dashboard.api.context import Opened
from dashboard.api.json_bodies import read_json
from dashboard.api.openapi import schema_of
from dashboard.api.problems import answers
from dashboard.api.queries import KNOWN_QUERY
from dashboard.core.access.visitor import Visitor
from dashboard.core.database.faults import left_out
from dashboard.core.errors import AccessError, DashboardError, DatabaseError, ModelError, listed
from dashboard.core.history.entry import Entry, HistoryFilter, Source
from dashboard.core.history.prediction_ids import place_in_run
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.schemas.history import FeedbackRecord, FeedbackSummary, HistoryPage
from dashboard.schemas.schema import Schema
from dashboard.services import Services

router = APIRouter(tags=["history"], dependencies=[needs("predict"), KNOWN_QUERY])
_Text = partial(Query, max_length=200)
_Share = partial(Query, ge=0, le=1)
Moment = Annotated[datetime | None, Query(description="UTC, unless it says otherwise")]


class FeedbackOrder(Schema):
    """A user's word on a prediction."""

    prediction_id: str = Field(
        max_length=200, description="of an answer or the history; RUN_ID:INDEX for an evaluation"
    )
    is_right: bool
    true_label: str | None = Field(
        None,
        max_length=200,
        description=f"of a wrong prediction, if it is known: a class of the model, or `{NONE_OF_THESE}`",
    )
    note: str = Field("", max_length=2000)


_ORDER = TypeAdapter(FeedbackOrder)
_MOST_COMMAS = 10_000  # of an order whose texts consist of them
BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(FeedbackOrder)}}}
}


async def _order(request: Request) -> FeedbackOrder:
    """The body; FastAPI itself would read it before it asks who may send it. Raises as `read_json` does."""
    return read_json(_ORDER, await request.body(), _MOST_COMMAS)


@router.get("/history")
def history(
    caller: Annotated[Visitor, needs("predict")],
    services: Opened,
    from_utc: Moment = None,
    until_utc: Moment = None,
    source: Annotated[
        Source | None, Query(description="who asked: a page, the API, a command or an evaluation")
    ] = None,
    user: Annotated[str | None, _Text(description="who predicted")] = None,
    model: Annotated[str | None, _Text(description="NAME or NAME@VERSION")] = None,
    label: Annotated[str | None, _Text(description="the predicted class")] = None,
    least_confidence: Annotated[float | None, _Share(description="the least confidence")] = None,
    most_confidence: Annotated[float | None, _Share(description="the greatest confidence")] = None,
    doubt: Annotated[
        bool | None, Query(description="only if the image probably shows none of the classes, or only if not")
    ] = None,
    image_sha256: Annotated[str | None, _Text(description="hash of the image file")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")] = None,
) -> HistoryPage:
    """Predictions with the feedback on them, the newest first: your own, or with the scope admin everybody's."""
    asked = HistoryFilter(
        from_utc=_utc(from_utc), until_utc=_utc(until_utc), source=source,
        user=user if caller.is_admin else _own(caller, user), model=model, label=label,
        least_confidence=least_confidence, most_confidence=most_confidence, doubt=doubt, image_sha256=image_sha256,
    )  # fmt: skip
    page = services.history.query(asked, limit, cursor)
    damaged: list[DatabaseError] = []
    words = services.feedback.opinions(None, about=page.entries, damaged=damaged)
    return HistoryPage.of(page, words, caller.called, damaged)


@router.post("/feedback", status_code=201, openapi_extra=BODY, responses=answers(400, 404))
def give_feedback(
    caller: Annotated[Visitor, needs("predict")], services: Opened, order: Annotated[FeedbackOrder, Depends(_order)]
) -> FeedbackRecord:
    """Says whether a prediction is right: one of your own, or of an evaluation that you may see. Your last word counts."""
    if place := place_in_run(order.prediction_id):
        services.runs.folder(place[0])  # raises unless the caller may see the evaluation
    about = services.history.get(order.prediction_id)
    if not place:
        _check_own(caller, about.user)
    if order.true_label and not order.is_right:
        _check_class(order.true_label, _class_names(services, about))
    given = services.feedback.give(order.prediction_id, order.is_right, order.true_label, caller.name, order.note)
    return FeedbackRecord.of(given)


@router.get("/feedback")
def list_feedback(
    caller: Annotated[Visitor, needs("predict")],
    services: Opened,
    model: Annotated[str | None, _Text(description="NAME or NAME@VERSION")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[
        str, Query(max_length=64, description="only feedback before the one with this `feedback_id`")
    ] = "",
) -> FeedbackSummary:
    """What users said, the newest first, and the share of predictions that they called right.

    A token without the scope `admin` gets its own feedback and the share of that.
    """
    damaged: list[DatabaseError] = []  # of all opinions, which the accuracy needs; those of the list are among them
    opinions = services.feedback.opinions(limit, before, user=caller.sees_only, model=model, damaged=[])
    accuracy = services.feedback.accuracy(model, caller.sees_only, damaged)
    return FeedbackSummary.of_all(accuracy, opinions, left_out(damaged))


def _class_names(services: Services, about: Entry) -> tuple[str, ...] | None:
    """The classes that a prediction chose from; None if its model is not there any more."""
    if place := place_in_run(about.prediction_id):
        return services.runs.folder(place[0]).manifest().class_names
    try:
        return services.registry.get(f"{about.model_name}@{about.model_version}").class_names
    except ModelError:
        return None


def _check_class(label: str, class_names: tuple[str, ...] | None) -> None:
    if class_names is not None and label not in (*class_names, NONE_OF_THESE):
        raise DashboardError(
            f"{label!r} is not a class of the model.",
            f"One of: {listed(class_names, 1000)}; `{NONE_OF_THESE}` if the image shows none of them; or leave "
            "`true_label` out if you do not know it.",
            "feedback",
        )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=timezone.utc) if moment and moment.tzinfo is None else moment


def _own(caller: Visitor, user: str | None) -> str:
    _check_own(caller, caller.name if user is None else user)
    return caller.name


def _check_own(caller: Visitor, user: str) -> None:
    if not caller.is_admin and user != caller.name:
        raise AccessError("That belongs to another user.", "Use a token that has the scope admin.", "scope_missing")
