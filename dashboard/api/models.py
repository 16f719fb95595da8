"""GET /models and the card of each version."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from dashboard.api.access import needs
from dashboard.api.context import Opened
from dashboard.api.problems import answers
from dashboard.api.queries import KNOWN_QUERY
from dashboard.core.access.visitor import Visitor
from dashboard.core.errors import DashboardError
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import to_record
from dashboard.schemas.errors import ErrorRecord
from dashboard.schemas.models import ListedModel
from dashboard.schemas.schema import Schema

router = APIRouter(prefix="/models", tags=["models"], dependencies=[needs("predict"), KNOWN_QUERY])
Part = Annotated[str, Path(max_length=100)]


class BrokenModel(Schema):
    """A version that cannot be listed in `models`, because a file is missing or model.json cannot be used."""

    model: str = Field(description="NAME@VERSION")
    error: ErrorRecord


class Models(Schema):
    """The model versions of this server."""

    models: list[ListedModel] = Field(description="with `error`, if the file of the model is damaged")
    broken: list[BrokenModel] = Field(
        description="versions without a file of the model, or with a model.json that cannot be used; the others are in `models`"
    )


class ModelCard(ListedModel):
    """All that is known about a model version."""

    record: dict[str, Any] = Field(description="the content of model.json")


@router.get("")
def list_models(caller: Annotated[Visitor, needs("predict")], services: Opened) -> Models:
    """The model versions, sorted by name, the newest of each first."""
    known = services.registry
    active = _active(known)
    return Models(
        models=[
            ListedModel.of_entry(each, each.ref == active, services.health.check(each)) for each in known.versions()
        ],
        broken=[BrokenModel(model=each.ref, error=ErrorRecord.of(each.error)) for each in known.broken()],
    )


@router.get("/{name}/{version}", responses=answers(404))
def show_model(caller: Annotated[Visitor, needs("predict")], services: Opened, name: Part, version: Part) -> ModelCard:
    """The card of a model version: its classes, its preprocessing, what was measured and how it was made."""
    found = services.registry.get(f"{name}@{version}")
    record = ListedModel.of_entry(found, found.ref == _active(services.registry), services.health.check(found))
    return ModelCard(**dict(record), record=to_record(found))


def _active(known: Registry) -> str:
    try:
        return known.active().ref
    except DashboardError:
        return ""
