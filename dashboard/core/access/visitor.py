"""Who asks, and which evaluations they may see and change. This is the one place that decides it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Visitor:
    """Somebody who uses the dashboard by its pages, its API or its command line.

    An evaluation belongs to the visitor whose `name` is in its manifest. One without a name belongs to nobody: it was
    started on the command line, with the shared password or before there were users. Everybody sees it.
    """

    name: str = ""  # e-mail of the login, or "token NAME"; "" if unknown
    is_admin: bool = False
    account: str = ""  # of the operating system, for the audit log and the history
    way_in: str = ""  # for the audit log if there is no name: "password"
    address: str = ""  # of the network, for the audit log; "" if unknown

    @property
    def called(self) -> str:
        """What the audit log and the history call the visitor."""
        return self.name or self.account

    @property
    def sees_only(self) -> str | None:
        """The one user whose predictions and feedback the visitor may see; None: those of everybody."""
        return None if self.is_admin else self.name

    def told_of(self, owner: str) -> str:
        """The owner of an evaluation as the visitor is told it: "" for all but admins."""
        return owner if self.is_admin else ""

    def may_see(self, owner: str) -> bool:
        """True for an evaluation of this owner that the visitor may open, compare and download."""
        return self.is_admin or owner in ("", self.name)

    def may_change(self, owner: str) -> bool:
        """True for an evaluation of this owner that the visitor may also resume, stop, annotate, delete and restore."""
        return self.is_admin or (bool(self.name) and owner == self.name)


OPERATOR = Visitor(is_admin=True)  # the command line, and everybody who uses the pages without a name
STRANGER = Visitor()  # somebody of whom nothing is known


def with_password(address: str) -> Visitor:
    """Somebody at this address who uses the pages with the shared password, which tells no name."""
    return replace(OPERATOR, way_in="password", address=address)


def with_claims(claims: Mapping[str, object], admins: Collection[str]) -> Visitor:
    """Who logged in with OpenID Connect.

    An e-mail that the provider has not verified counts for nothing, since anybody could have entered it there. The
    visitor then has the name that the provider gave to the account.

    Args:
        claims: what the provider says about the user. Without `email_verified`, the e-mail counts.
        admins: e-mails in lower case.
    """
    email = str(claims.get("email") or "").strip().lower()
    is_verified = str(claims.get("email_verified", True)).lower() == "true"  # some providers send text
    if not email or not is_verified:
        return Visitor(f"account {claims.get('sub')} of {claims.get('iss')}")
    return Visitor(email, email in admins)
