"""schemathesis asks what the OpenAPI document allows, and much that it does not."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from dashboard.api.serving import V1, V2, both, mounts
from dashboard.core.settings import Settings
from dashboard.services import Services

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
EXAMPLES = 15  # per operation


@pytest.mark.parametrize(
    ("mount", "least"),
    [
        (V1, {"POST /predict", "POST /explain", "POST /evaluations", "DELETE /evaluations/{id}"}),
        (V2, {"GET /models/{name}", "GET /models/{name}/ready", "POST /models/{name}/infer"}),
    ],
)
def test_no_fault_and_no_answer_that_is_not_documented(
    opened: Services, settings: Settings, mount: str, least: set[str]
) -> None:
    from hypothesis import HealthCheck, Phase, given
    from hypothesis import settings as how
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    app = Starlette(routes=mounts(both(lambda: opened, settings)))
    _, secret = opened.tokens.create("schemathesis", ["admin"])
    schema = schemathesis.openapi.from_asgi(f"{mount}/openapi.json", app)
    asked = set()
    for each in schema.get_all_operations():
        operation = each.ok()
        if operation.path.removeprefix(mount) in ("/ready", "/health/ready"):
            continue  # the model of this test guesses, so 503 is right

        @given(case=operation.as_strategy())
        @how(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def ask(case: object) -> None:
            # no schema says which bytes are an image, so what it allows may be refused
            case.call_and_validate(
                excluded_checks=[positive_data_acceptance], timeout=60, headers={"Authorization": f"Bearer {secret}"}
            )  # type: ignore[attr-defined]

        ask()
        asked.add(f"{operation.method.upper()} {operation.path}")
    assert least <= {each.replace(mount, "") for each in asked}
