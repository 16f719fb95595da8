"""The pages that ask for the password, end a log-in, or say that none is possible. They need no other file of the server."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1rem/1.5 system-ui, sans-serif;
  background: light-dark(#ffffff, #11161c); color: light-dark(#0e151d, #e6ebf0) }
main { box-sizing: border-box; width: min(24rem, 100vw); padding: 1.5rem }
h1 { font-size: 1.5rem; margin: 0 0 1rem }
label { display: block; margin-bottom: .25rem }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: .6rem .75rem; border-radius: .5rem }
input { border: 1px solid light-dark(#6b7785, #8593a3); background: light-dark(#ffffff, #1a222b); color: inherit }
button { margin-top: 1rem; border: 0; cursor: pointer; font-weight: 600;
  background: light-dark(#1d5fa8, #6fb0f2); color: light-dark(#ffffff, #0b1016) }
:focus-visible { outline: 3px solid light-dark(#1d5fa8, #6fb0f2); outline-offset: 2px }
a { color: light-dark(#1d5fa8, #6fb0f2) }
p { overflow-wrap: anywhere }
.fault { color: light-dark(#a3162a, #ff9aa5); margin: 0 0 1rem }
"""


def login_page(wanted: str, fault: str = "", status: int = 200) -> HTMLResponse:
    """Asks for the password.

    Args:
        wanted: path to open afterwards.
        fault: why the last try failed; "" for none.
    """
    said = f'<p class="fault" role="alert" id="fault">{escape(fault)}</p>' if fault else ""
    described = ' aria-describedby="fault" aria-invalid="true"' if fault else ""
    form = f"""<h1>Classifier dashboard</h1>{said}
<form method="post">
<input type="hidden" name="next" value="{escape(wanted)}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus{described}>
<button>Log in</button>
</form>"""
    return _page("Log in", form, status)


def logout_page() -> HTMLResponse:
    """Asks whether to log out."""
    return _page("Log out", '<h1>Log out?</h1><form method="post"><button autofocus>Log out</button></form>')


def no_login_page(fault: str, advice: str, wanted: str, status: int) -> HTMLResponse:
    """Says that a log-in with OpenID Connect cannot begin, or has failed.

    Args:
        fault: what happened, in sentences.
        advice: what to do besides trying again, in sentences.
        wanted: path from which the user can try again.
    """
    return _page(
        "Log in",
        f"""<h1>Classifier dashboard</h1>
<p class="fault" role="alert">{escape(fault)}</p>
<p>{escape(advice)}</p>
<p><a href="{escape(wanted)}">Try again</a></p>""",
        status,
    )


def _page(title: str, main: str, status: int = 200) -> HTMLResponse:
    html = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Classifier dashboard</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>
<body><main>{main}</main></body>
</html>
"""
    return HTMLResponse(html, status, {"Cache-Control": "no-store"})
