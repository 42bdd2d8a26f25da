"""What the demo refuses before it looks: large requests, files, and with `--auth` everybody without the password."""

import pytest
from fastapi import FastAPI, Request, WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from molar.app.guards import LARGEST_BODY, PasswordRequired, SmallRequests, user_and_password
from molar.engine import RequestError


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(PasswordRequired, user="zoë", password="a:b")

    @app.get("/thing")
    def thing() -> str:
        return "secret"

    @app.websocket("/talk")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("secret")

    return TestClient(app)


def test_the_right_password_opens(client: TestClient) -> None:
    assert client.get("/thing", auth=("zoë".encode(), b"a:b")).json() == "secret"


@pytest.mark.parametrize("header", [None, "Basic", "Basic ?", "Bearer em/DqzphOmI=", "Basic em/DqzphOmM="])
def test_anything_else_does_not(client: TestClient, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for path in ("/thing", "/nothing"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert "secret" not in answer.text
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk", headers=headers) as socket:
        socket.receive_text()


def test_a_user_and_a_password_are_needed() -> None:
    assert user_and_password("me:a:b") == ("me", "a:b")
    for text in ("me", "me:", ":secret"):
        with pytest.raises(RequestError, match="USER:PASSWORD"):
            user_and_password(text)


def test_large_requests_and_files_are_refused() -> None:
    app = FastAPI()
    app.add_middleware(SmallRequests)
    taken = []

    @app.post("/{path:path}")
    async def take(request: Request) -> int:
        taken.append(len(await request.body()))
        return taken[-1]

    client = TestClient(app)
    assert client.post("/queue/join", content=bytes(LARGEST_BODY)).json() == LARGEST_BODY
    assert client.post("/queue/join", content=bytes(LARGEST_BODY + 1)).status_code == 413
    assert client.post("/queue/join", content=iter([b"of", b"unknown length"])).status_code == 411
    assert client.post("/gradio_api/upload", files={"files": b"small"}).status_code == 403
    assert client.post("/gradio_api/upload/", content=b"small").status_code == 403
    assert client.post("/v1/items/upload", content=b"an item").json() == 7  # an id like any other
    assert taken == [LARGEST_BODY, 7]
