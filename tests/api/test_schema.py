"""schemathesis asks what the OpenAPI document allows, and much that it does not."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from dashboard.api.serving import V1, both, mounts
from dashboard.core.settings import Settings
from dashboard.services import Services

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
EXAMPLES = 15  # per operation


def test_no_fault_and_no_answer_that_is_not_documented(opened: Services, settings: Settings) -> None:
    from hypothesis import HealthCheck, Phase, given
    from hypothesis import settings as how
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    app = Starlette(routes=mounts(both(lambda: opened, settings)))
    _, secret = opened.tokens.create("schemathesis", ["admin"])
    schema = schemathesis.openapi.from_asgi(f"{V1}/openapi.json", app)
    asked = set()
    for each in schema.get_all_operations():
        operation = each.ok()
        if operation.path.endswith("/ready"):
            continue  # the model of this test guesses, so 503 is right

        @given(case=operation.as_strategy())
        @how(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def ask(case: object) -> None:
            # no schema says which bytes are an image, so what it allows may be refused
            case.call_and_validate(
                excluded_checks=[positive_data_acceptance], headers={"Authorization": f"Bearer {secret}"}
            )  # type: ignore[attr-defined]

        ask()
        asked.add(f"{operation.method.upper()} {operation.path}")
    assert {"POST /predict", "POST /explain", "POST /evaluations", "DELETE /evaluations/{id}"} <= {
        each.replace(V1, "") for each in asked
    }
