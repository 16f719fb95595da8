"""Who uses the pages: somebody who logged in with OpenID Connect (OIDC), or anybody if the server has no users."""

from __future__ import annotations

from html import escape

import streamlit as st
from streamlit import config

from dashboard.core.access.visitor import OPERATOR, Visitor, with_claims, with_password
from dashboard.core.errors import DashboardError
from dashboard.services import Services
from dashboard.ui import resources
from dashboard.ui.openid import providers, users_log_in
from dashboard.ui.words import plain


def visitor() -> Visitor:
    """Who opened this page. Raises DashboardError if users log in and nobody did."""
    if not users_log_in():
        asked = resources.get_services().password.may_be_set
        # Streamlit gives no address for the machine of the server
        return with_password(st.context.ip_address or "localhost") if asked else OPERATOR
    if not st.user.is_logged_in:
        raise DashboardError("Nobody is logged in.", "Open the start page and log in.", "unprotected")
    return with_claims(st.user.to_dict(), resources.get_services().settings.admins)


def visitors_services() -> Services:
    """The services with the evaluations that this visitor may see. Pages use these and no others."""
    return resources.get_services().seen_by(visitor())


def has_to_log_in() -> bool:
    """True if the visitor has to log in first; then the page offers that. Raises DashboardError as `providers` does."""
    known = providers()
    if not known or st.user.is_logged_in:
        return False
    st.title("Log in", anchor=False)
    st.text("This dashboard is for users who log in.")
    for name in (provider.name for provider in known):
        st.button(
            f"Log in with {plain(name)}" if name else "Log in", key=f"log-in-{name}", type="primary",
            icon=":material/login:", on_click=st.login, args=(name,) if name else (),
        )  # fmt: skip
    return True


def show_visitor() -> None:
    """Shows in the sidebar who is logged in, and the way out. A visitor with the shared password has no name."""
    if users_log_in():
        claims = st.user.to_dict()
        st.text(str(claims.get("name") or visitor().name))
        st.button("Log out", key="log-out", icon=":material/logout:", on_click=st.logout)
    elif resources.get_services().password.may_be_set:
        base = "/".join(filter(None, (config.get_option("server.baseUrlPath").strip("/"), "logout")))
        st.html(f'<a href="/{escape(base)}" target="_self">Log out</a>')
