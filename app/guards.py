"""What stands before everything that the demo serves: no large requests, no files, a password where one is wanted."""

import base64
import binascii
import secrets

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from molar.engine import RequestError

LARGEST_BODY = 8_000_000  # bytes: a visit with its pictures, twice over


class SmallRequests:
    """Refuse what is too large before it is read, and files altogether: the page sends none.

    Args:
        app: what is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refused := _refused(scope["path"], Headers(scope=scope))):
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _refused(path: str, headers: Headers) -> PlainTextResponse | None:
    if path.rstrip("/") == "/gradio_api/upload":
        return PlainTextResponse("files are not taken", 403)
    if "transfer-encoding" in headers:
        return PlainTextResponse("say how long it is", 411)
    if int(headers.get("content-length", 0)) > LARGEST_BODY:
        return PlainTextResponse(f"at most {LARGEST_BODY:,} bytes are read", 413)
    return None


class PasswordRequired:
    """HTTP Basic authentication (RFC 7617): browsers ask for it, programs send it as a header.

    Args:
        app: what is behind it.
        user: name.
        password: of that user.
    """

    def __init__(self, app: ASGIApp, user: str, password: str) -> None:
        self._app = app
        self._wanted = f"{user}:{password}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_known(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            asks = {"WWW-Authenticate": 'Basic realm="Molar", charset="UTF-8"'}
            await PlainTextResponse("a user and a password are needed", 401, asks)(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        try:
            shown = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and secrets.compare_digest(shown, self._wanted)


def user_and_password(text: str) -> tuple[str, str]:
    """Of "user:password".

    Raises:
        RequestError: one of them is missing.
    """
    user, _, password = text.partition(":")
    if not (user and password):
        raise RequestError("--auth: write it as USER:PASSWORD")
    return user, password
