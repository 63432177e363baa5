"""Sends what Microsoft's clients send to the sandbox: the addresses stay Azure's, the connection goes to a loopback port over TLS.

Must not change anything else of a request: the point is that the clients are Microsoft's.
"""

import os
from urllib.parse import urlsplit, urlunsplit

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.pipeline.transport import RequestsTransport


class LoopbackTransport(RequestsTransport):
    """A transport that connects to the sandbox and names the original host in the `Host` header."""

    def __init__(self, sandbox_url):
        super().__init__()
        self._sandbox = urlsplit(sandbox_url)

    def send(self, request, **kwargs):
        original = request.url
        parts = urlsplit(original)
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit((self._sandbox.scheme, self._sandbox.netloc, parts.path, parts.query, ""))
        try:
            return super().send(request, **kwargs)
        finally:
            # Policies look at the address again: on a retry, on a challenge, on a poll.
            request.url = original


class FixedToken:
    """A credential that was given as a token: the owner who sets the tenant up."""

    def __init__(self, token):
        self._token = token

    def get_token(self, *_scopes, **_kwargs):
        return AccessToken(self._token, 4102444800)

    def get_token_info(self, *_scopes, **_kwargs):
        return AccessTokenInfo(self._token, 4102444800)


def environment(name):
    """Returns a variable that the test has set."""
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"`{name}` is not set: run this through the Rust test")
    return value
