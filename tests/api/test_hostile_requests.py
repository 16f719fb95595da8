"""Requests that are made to cost the server much, or to get the answer of another request."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from dashboard.api.body_digest import BodyDigest
from dashboard.api.idempotency import MOST_BYTES, Idempotency
from dashboard.api.limits import BodyLimit
from tests.asynchronous import run_async
from tests.conftest import encoded, picture

V1 = "/api/v1"
JSON = {"Content-Type": "application/json"}


def form(boundary: str, *images: bytes) -> tuple[bytes, str]:
    """The body of a form with these images, and its media type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{n}.png"\r\n\r\n'.encode() + each
        for n, each in enumerate(images)
    ]
    return b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


@pytest.mark.parametrize(
    "item", [b"1", b"{}", b'{"data":""}', b'{"data":"","name":"a"}'], ids=["numbers", "objects", "empty", "named"]
)
def test_json_that_lists_very_much_is_refused_before_it_is_read(client: TestClient, item: bytes) -> None:
    content = b'{"images": [' + b",".join([item] * (900_000 // (len(item) + 1))) + b"]}"
    for path in ("/predict", "/explain"):
        response = client.post(f"{V1}{path}", content=content, headers=JSON)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_only_the_first_faults_of_a_request_are_told(client: TestClient) -> None:
    content = b'{"dataset": "x", "label_map": {' + b",".join(b'"%d": 1' % n for n in range(50_000)) + b"}}"
    response = client.post(f"{V1}/evaluations", content=content, headers=JSON)
    assert response.status_code == 422 and "and 49,990 more" in response.json()["detail"]
    assert len(response.content) < 5_000


def test_json_for_an_evaluation_may_not_be_as_large_as_a_dataset(client: TestClient) -> None:
    content = b'{"dataset": "' + b"x" * (3 * 2**19) + b'"}'  # 1.5 MB; datasets may have 2, other requests 1
    assert client.post(f"{V1}/evaluations", content=content, headers=JSON).status_code == 413


def test_very_many_parameters(client: TestClient) -> None:
    many = "&".join(f"method=grad-cam{n}&where=a{n}&x{n}=1" for n in range(1_000))  # a client sends no longer address
    assert client.post(f"{V1}/explain?{many}", content=b"x").status_code == 422
    refused = client.get(f"{V1}/evaluations?{many}")  # knows none of them
    assert refused.status_code == 422 and len(refused.content) < 5_000


def test_a_key_does_not_give_the_answer_for_another_image(client: TestClient) -> None:
    first, second = (encoded(picture(seed)) for seed in (31, 32))
    size = max(len(first), len(second))  # the same length, so that only the content differs
    headers = {"Content-Type": "image/png", "Idempotency-Key": "same length"}
    answers = [
        client.post(f"{V1}/predict", content=each.ljust(size, b"\0"), headers=headers)
        for each in (first, second, first)
    ]
    assert [each.status_code for each in answers] == [200, 422, 200]
    assert answers[2].content == answers[0].content


def test_a_form_that_is_sent_again_has_another_boundary_but_the_same_key(client: TestClient) -> None:
    one, two = encoded(picture(33)), encoded(picture(34))
    found = []
    for boundary, image in (("abcdef", one), ("fedcba", one), ("abcdef", two)):
        body, kind = form(boundary, image)
        headers = {"Content-Type": kind, "Idempotency-Key": "a form"}
        found.append(client.post(f"{V1}/predict", content=body, headers=headers))
    assert [each.status_code for each in found] == [200, 200, 422]
    assert found[0].content == found[1].content


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_the_digest_does_not_depend_on_how_a_body_arrives(size: int) -> None:
    from starlette.datastructures import Headers

    def digest(boundary: str, image: bytes, size: int) -> str:
        body, kind = form(boundary, image, b"--aab" * 3)
        found = BodyDigest(Headers({"content-type": kind}))
        for at in range(0, len(body), size):
            found.update(body[at : at + size])
        return found.text()

    assert digest("aaab", b"aaa\0aaaab" * 9, size) == digest("aaab", b"aaa\0aaaab" * 9, 10_000)
    assert digest("xyxyxy", b"image", size) == digest("quuxqu", b"image", size) != digest("quuxqu", b"imagf", size)


def scope(key: str, **headers: str) -> dict[str, Any]:
    every = {"idempotency-key": key, **headers}
    return {
        "type": "http", "method": "POST", "path": "/x", "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in every.items()],
    }  # fmt: skip


def answers_of(app: Idempotency, keys: Sequence[str]) -> list[tuple[int, bytes]]:
    """Status and body of the answers to requests with these keys, one after the other."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask_all() -> None:
        for key in keys:
            await app(scope(key), receive, send)

    run_async(ask_all())
    return [(start["status"], body["body"]) for start, body in zip(sent[::2], sent[1::2], strict=True)]


class Counting:
    """An app whose answers have some size and count its requests."""

    def __init__(self, size: int, status: int = 200) -> None:
        self.size, self.status, self.done = size, status, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.done += 1
        scope["state"]["access"] = lambda request, credentials: None
        await PlainTextResponse(f"{self.done}".ljust(self.size), self.status)(scope, receive, send)


def test_kept_answers_take_a_bounded_space_and_nothing_is_done_twice() -> None:
    work = Counting(1000)
    app = Idempotency(work, most_bytes=10_000)
    keys = [str(n) for n in range(50)]
    first = answers_of(app, keys)
    assert len(app._answers) == 10 and app._bytes == 10_000 and len(app._first) == 50
    again = answers_of(app, keys)
    assert again[40:] == first[40:] and work.done == 50  # the oldest answers are given up, but not their keys
    assert {status for status, _ in again[:40]} == {409} and b"newer ones" in again[0][1]


def test_a_request_without_a_body_whose_route_asks_for_none_is_done_once() -> None:
    done = []

    async def cancel(scope: Any, receive: Any, send: Any) -> None:
        done.append(scope["path"])
        scope["state"]["access"] = lambda request, credentials: None
        await PlainTextResponse("cancelled")(scope, receive, send)

    first, again = answers_of(Idempotency(cancel), ["k", "k"])
    assert first == again and len(done) == 1


@pytest.mark.parametrize("size", [300_000, MOST_BYTES])
def test_a_large_answer_is_given_again(size: int) -> None:
    work = Counting(size)
    first, again = answers_of(Idempotency(work), ["k", "k"])
    assert first == again and first[0] == 200 and len(first[1]) == size and work.done == 1


def test_a_request_whose_answer_is_too_large_to_be_kept_is_not_done_twice() -> None:
    work = Counting(MOST_BYTES + 1)
    app = Idempotency(work)
    (first, _), (status, body) = answers_of(app, ["k", "k"])
    assert (first, status, work.done, app._bytes) == (200, 409, 1, 0)
    problem = json.loads(body)
    assert "too large to be kept" in problem["detail"] and "new key" in problem["fix"]


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_what_was_refused_for_now_is_tried_again(status: int) -> None:
    work = Counting(10, status)
    answers_of(Idempotency(work), ["k", "k"])
    assert work.done == 2


def test_a_body_that_comes_too_slowly_is_given_up_but_a_long_answer_is_not() -> None:
    async def ask(parts: int, pause_s: float) -> tuple[int, bytes]:
        left = parts

        async def receive() -> dict[str, Any]:
            nonlocal left
            if not left:
                await asyncio.sleep(60)  # the client stays
            await asyncio.sleep(pause_s)
            left -= 1
            return {"type": "http.request", "body": b"x", "more_body": left > 0}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (await receive()).get("more_body"):
                pass
            leaving = asyncio.ensure_future(receive())
            await asyncio.sleep(0.5)  # longer than a body may take
            assert not leaving.done()
            leaving.cancel()
            await PlainTextResponse("done")(scope, receive, send)

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await BodyLimit(app, lambda path, kind: (1000, "A_SETTING"), patience_s=0.3)(scope("k"), receive, send)
        return sent[0]["status"], sent[1]["body"]

    started = time.monotonic()
    status, body = run_async(ask(600, 0.1))
    assert status == 408 and b"in time" in body and time.monotonic() - started < 10
    assert run_async(ask(3, 0.01)) == (200, b"done")


def test_a_stated_length_of_any_size_is_answered(client: TestClient) -> None:
    for length in ("2100000000", "9" * 30, "9" * 5000):
        for path, setting in (("/predict", "DASHBOARD_API_MAX_BODY_MB"), ("/evaluations", "DASHBOARD_MAX_UPLOAD_MB")):
            response = client.post(f"{V1}{path}", content=b"x", headers={"Content-Length": length})
            assert response.status_code == 413
            assert response.json()["fix"] == f"Send fewer or smaller files, or have {setting} raised."


def test_the_documentation_may_run_its_own_script_and_no_other(client: TestClient) -> None:
    page = client.get(f"{V1}/docs")
    policy = page.headers["content-security-policy"]
    script = next(rule for rule in policy.split("; ") if rule.startswith("script-src "))
    assert "'sha256-" in script and "'unsafe-inline'" not in script
    assert "http" not in re.sub(r"urn:\S+", "", " ".join(re.findall(r'(?:src|href)="([^"]*)"', page.text)))
    for path in re.findall(r'(?:src|href)="(/[^"]*)"', page.text):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/v1/../../", 404), ("/api/v1/%2e%2e/%2e%2e/", 404), ("/api/v1/models%2f..", 404), ("/api/v1/x%0ay", 404),
     ("/api/v1/static-offline-docs/%2e%2e/%2e%2e/core.py", 404), ("/api/v1/static-offline-docs/..%2fcore.py", 404),
     ("/api/v1/evaluations/..%2f..%2fetc", 404), ("/api/v1/evaluations/%00", 404)],
)  # fmt: skip
def test_tricks_with_paths(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_a_picture_that_is_a_bomb(client: TestClient) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 10**6)) + chunk(b"IEND", b"")
    )
    alone = client.post(f"{V1}/predict", content=bomb, headers={"Content-Type": "image/png"})
    assert (alone.status_code, alone.json()["code"]) == (413, "too_many_pixels")
    many = {"images": [{"name": str(n), "data": b64encode(bomb).decode()} for n in range(8)]}
    found = client.post(f"{V1}/predict", json=many).json()["predictions"]
    assert [each["error"]["code"] for each in found] == ["too_many_pixels"] * 8


def test_a_form_that_cannot_be_stored_says_where(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    answer = client.post(f"{V1}/evaluations", files={"file": ("data.zip", bytes(1_500_000))})
    assert answer.status_code == 507 and str(tmp_path / "gone") in answer.json()["detail"]
