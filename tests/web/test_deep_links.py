"""The addresses of the pages."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.web.deep_links import deep_links, start_by_name


@pytest.mark.parametrize(("base", "prefix"), [("", ""), ("dashboard", "/dashboard")])
def test_the_name_of_the_first_page_leads_to_the_root_with_what_the_address_holds(base: str, prefix: str) -> None:
    client = TestClient(Starlette(routes=[*deep_links(["explain"], "<html>", base), start_by_name("predict", base)]))
    assert client.get(f"{prefix}/explain").text == "<html>"
    answer = client.get(f"{prefix}/predict?picture=a%26b&fit=pad", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{prefix}/?picture=a%26b&fit=pad")
    assert client.get(f"{prefix}/predict", follow_redirects=False).headers["location"] == f"{prefix}/"
