"""What a browser complains about while it shows pages."""

from __future__ import annotations


class Listener:
    """Collects complaints of a page: console messages, errors, failed requests, and requests to other servers."""

    def __init__(self, page, url: str) -> None:
        self.complaints: list[str] = []
        own = (url, url.replace("http", "ws", 1), "data:", "blob:")
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on(
            "response", lambda answer: answer.status >= 400 and self.complaints.append(f"{answer.status}: {answer.url}")
        )
        page.on("request", lambda asked: asked.url.startswith(own) or self.complaints.append(f"elsewhere: {asked.url}"))

    def _console(self, message) -> None:
        if message.type in ("warning", "error"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left before it had everything
            self.complaints.append(f"failed: {request.url} {request.failure}")
