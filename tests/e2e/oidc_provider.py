"""An OpenID Connect provider for tests: it logs in whoever `claims` names, without asking."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "dashboard", "a secret of the client"


class Provider:
    """Its address, and whom it logs in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {}  # of the next log-in
        self.works = True  # otherwise it answers with an error
        self.refuses = ""  # the error with which it sends the browser back
        self.token_fault: tuple[int, bytes] | None = None  # status and body with which it answers instead of tokens
        self.key = RSAKey.generate_key(2048, {"kid": "test", "use": "sig", "alg": "RS256"})
        self._asked: dict[str, dict[str, str]] = {}  # by code: what the browser was sent with

    def secrets_of(self, dashboard: str) -> str:
        """The secrets.toml of a dashboard at this address."""
        return (
            f'[auth]\nredirect_uri = "{dashboard}/oauth2callback"\ncookie_secret = "{secrets.token_hex(32)}"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent, with a code or an error."""
        assert asked["client_id"] == CLIENT and asked["response_type"] == "code"
        if self.refuses:
            told = {"error": self.refuses, "error_description": "<b>No.</b>", "state": asked["state"]}
            return f"{asked['redirect_uri']}?{urllib.parse.urlencode(told)}"
        code = secrets.token_urlsafe()
        self._asked[code] = asked
        return f"{asked['redirect_uri']}?{urllib.parse.urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict[str, str]) -> dict[str, Any]:
        """The tokens for a code, which can be used once."""
        asked = self._asked.pop(given["code"])
        challenge = hashlib.sha256(given["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": asked["nonce"], **self.claims}
        signed = jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.key)
        return {"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": signed}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if not provider.works:
                self.send_error(503)
            elif path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(dict(urllib.parse.parse_qsl(query))))
                self.end_headers()
            elif path == "/jwks":
                self._answer({"keys": [provider.key.as_dict(private=False)]})
            else:
                self._answer(provider.metadata())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if provider.token_fault:
                self._send(*provider.token_fault)
            else:
                self._answer(provider.token(dict(urllib.parse.parse_qsl(body))))

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, record: dict[str, Any]) -> None:
            self._send(200, json.dumps(record).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
