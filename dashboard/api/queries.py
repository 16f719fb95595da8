"""The query of a request: a parameter that its route does not know is refused, never passed over."""

from __future__ import annotations

from difflib import get_close_matches

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from dashboard.core.errors import DashboardError, listed

_MOST_TOLD = 8  # names in one answer
_MOST_CHARACTERS = 80  # of a name that is compared with the known ones


def only_known(request: Request) -> None:
    """A dependency of routes. Raises DashboardError if the query has a parameter that the route does not know."""
    known = known_parameters(request.scope["route"])
    if unknown := [name for name in request.query_params if name not in known]:
        quoted = [repr(name[:_MOST_CHARACTERS]) for name in unknown]
        raise DashboardError(
            f"Unknown query parameter: {listed(quoted, _MOST_TOLD)}.", _way_out(unknown, known), "request"
        )


KNOWN_QUERY = Depends(only_known)  # a router names it after `needs`, so that access is asked for first


def known_parameters(route: APIRoute) -> list[str]:
    """The names of the query parameters in the signature of a route and of what it depends on, or described by hand."""
    by_hand = (route.openapi_extra or {}).get("parameters", ())
    described = {each["name"] for each in by_hand if each["in"] == "query"}
    return sorted(described | _declared(route.dependant))


def _declared(dependant: Dependant) -> set[str]:
    own = {each.alias for each in dependant.query_params}
    return own.union(*map(_declared, dependant.dependencies))


def _way_out(unknown: list[str], known: list[str]) -> str:
    if not known:
        return "This address has no query parameters."
    near = [get_close_matches(name[:_MOST_CHARACTERS], known, 1) for name in unknown[:_MOST_TOLD]]
    guessed = list(dict.fromkeys(f"`{found[0]}`" for found in near if found))
    guess = f"Did you mean {' and '.join(guessed)}? " if guessed else ""
    return f"{guess}Known here: {', '.join(f'`{name}`' for name in known)}."
