"""GET /docs: the description of the API, to read and to try out in a browser."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from dashboard.web.headers import content_security_policy, inline_scripts

FILES = "/static-offline-docs"  # where FastAPIOffline serves the files of Swagger UI


def add_docs(app: FastAPI) -> None:
    """Adds the page. That of FastAPIOffline lacks a policy that allows the script written in it, and no other."""

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}", title=app.title,
            swagger_js_url=f"{root}{FILES}/swagger-ui-bundle.js", swagger_css_url=f"{root}{FILES}/swagger-ui.css",
            swagger_favicon_url=f"{root}{FILES}/favicon.png",
        )  # fmt: skip
        scripts = inline_scripts(bytes(page.body).decode())
        page.headers["Content-Security-Policy"] = content_security_policy(scripts)
        return page
