"""How many requests a client may send."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import limits.storage.memory
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.api.serving import V1, both, mounts
from dashboard.core.settings import Settings
from dashboard.services import Services

PATH = f"{V1}/models"


@pytest.fixture(autouse=True)
def within_one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(limits.storage.memory, "time", SimpleNamespace(time=lambda: now))


@pytest.fixture
def limited(opened: Services, settings: Settings) -> Iterator[TestClient]:
    """A client on another machine, of a server that allows two requests a minute."""
    few = settings.model_copy(update={"api_requests_per_minute": 2})
    app = Starlette(routes=mounts(both(lambda: opened, few)))
    with TestClient(app, base_url="http://192.0.2.1:8501", client=("192.0.2.7", 5000)) as client:
        yield client


def bearer(secret: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {secret}"}


def ask(client: TestClient, *headers: dict[str, str]) -> list[int]:
    return [client.get(PATH, headers=each).status_code for each in headers]


def test_invented_tokens_count_by_address(limited: TestClient) -> None:
    assert ask(limited, *(bearer(f"invented{n}") for n in range(4))) == [401, 401, 429, 429]
    assert ask(limited, {}, {"Authorization": "Basic x"}) == [429, 429]


def test_an_invented_header_is_no_other_client_where_no_token_is_needed(opened: Services, settings: Settings) -> None:
    few = settings.model_copy(
        update={"api_requests_per_minute": 2, "allow_anyone_who_reaches_this_server_to_use_it": True}
    )
    client = TestClient(Starlette(routes=mounts(both(lambda: opened, few))), base_url="http://localhost")
    assert ask(client, *({"Authorization": f"Basic {n}"} for n in range(4))) == [200, 200, 429, 429]


def test_users_of_good_tokens_at_one_address_do_not_hinder_each_other(limited: TestClient, opened: Services) -> None:
    secrets = [opened.tokens.create(f"user {n}", ["predict"])[1] for n in range(4)]
    for _ in range(2):
        assert ask(limited, *map(bearer, secrets)) == [200] * 4
    assert ask(limited, *map(bearer, secrets)) == [429] * 4
    assert ask(limited, {}, {}, {}) == [401, 401, 429]  # they took nothing from the others at the address


def test_a_token_is_one_client_however_its_header_is_written(limited: TestClient, opened: Services) -> None:
    _, secret = opened.tokens.create("spelled", ["predict"])
    headers = [bearer(secret, scheme) for scheme in ("Bearer", "bearer")]
    assert ask(limited, *headers, *headers) == [200, 200, 429, 429]


def test_a_revoked_token_counts_by_address_again(limited: TestClient, opened: Services) -> None:
    token, secret = opened.tokens.create("revoked", ["predict"])
    assert ask(limited, bearer(secret)) == [200]
    opened.tokens.revoke(token.token_id)
    assert ask(limited, *[bearer(secret)] * 4) == [401, 401, 401, 429]
