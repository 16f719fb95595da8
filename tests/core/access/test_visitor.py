from __future__ import annotations

import pytest

from dashboard.core.access.visitor import Visitor, with_claims

EMAIL = "eve@example.com"


@pytest.mark.parametrize("verified", [True, "true", "True", "TRUE"])
def test_a_verified_e_mail_is_the_name_and_may_be_that_of_an_admin(verified: object) -> None:
    claims = {"sub": "66", "iss": "https://x.org", "email": " Eve@Example.com", "email_verified": verified}
    assert with_claims(claims, (EMAIL,)) == Visitor(EMAIL, is_admin=True)
    assert with_claims(claims, ("root@example.com",)) == Visitor(EMAIL)


@pytest.mark.parametrize("verified", [False, "false", "False", "no", "", "0", 0, 1, None])
def test_an_e_mail_that_is_not_called_verified_counts_for_nothing(verified: object) -> None:
    claims = {"sub": "66", "iss": "https://x.org", "email": EMAIL, "email_verified": verified}
    assert with_claims(claims, (EMAIL,)) == Visitor("account 66 of https://x.org")


def test_an_e_mail_counts_if_the_provider_does_not_say_whether_it_is_verified() -> None:
    assert with_claims({"sub": "66", "email": EMAIL}, (EMAIL,)) == Visitor(EMAIL, is_admin=True)
    assert with_claims({"sub": "66", "iss": "https://x.org"}, (EMAIL,)) == Visitor("account 66 of https://x.org")
