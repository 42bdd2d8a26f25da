"""The demo for other programs, and for those who mean it ill."""

import asyncio
import base64
import http.client
import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

import pytest
from gradio_client import Client
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from molar.app.cli_serve import showroom
from molar.engine import Recommender

pytestmark = pytest.mark.browser

HISTORY = ["mug-01", "kettle-07"]
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def locked(
    served: Callable[..., AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A demo with a password."""
    with served(showroom(), tmp_path_factory.mktemp("home"), "--auth", "me:secret") as address:
        yield address


def get(address: str, user: str = "") -> tuple[int, bytes]:
    """Status and body."""
    request = urllib.request.Request(address)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_gradio_client_gets_what_the_engine_says(url: str) -> None:
    client = Client(url, verbose=False)
    recommender = Recommender.load(showroom(), "cpu")
    found = client.predict(HISTORY, 5, "", None, api_name="/recommend")
    assert [one["item_id"] for one in found] == [r.item_id for r in recommender.recommend(HISTORY, 5)]
    assert {"item_id", "title", "attributes", "score"} == set(found[0])
    content = client.predict(HISTORY, 5, "content", {"category": "Teapot"}, api_name="/recommend")
    assert all(one["attributes"]["category"] == ["Teapot"] for one in content)
    why = client.predict(HISTORY, found[0]["item_id"], "", api_name="/explain")
    assert sum(why["sources"].values()) == pytest.approx(why["score"], abs=2e-2)
    assert [cause["item_id"] for cause in why["history"]] == HISTORY
    assert client.predict("taepot", None, 3, 0, api_name="/search")[0]["attributes"]["category"] == ["Teapot"]
    near = client.predict("mug-01", 4, api_name="/similar")
    assert {name: len(items) for name, items in near.items()} == {"picture": 4, "text": 4, "people": 4}
    with pytest.raises(Exception, match="not in the catalogue"):
        client.predict(["nothing"], 5, "", None, api_name="/recommend")


def test_the_functions_describe_themselves_and_the_page_keeps_its_own(url: str) -> None:
    described = json.loads(get(f"{url}/gradio_api/info")[1])["named_endpoints"]
    assert set(described) == {"/recommend", "/explain", "/search", "/similar"}
    assert "browsing history" in described["/recommend"]["description"]


def test_the_functions_are_tools_over_mcp(served: Callable[..., AbstractContextManager[str]], tmp_path: Path) -> None:
    async def ask(address: str) -> tuple[set[str], str]:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = await session.list_tools()
            answer = await session.call_tool("search", {"text": "teapot", "limit": 2})
            return {tool.name for tool in tools.tools}, str(answer.content)

    # The browser of the other tests keeps this thread's event loop.
    with served(showroom(), tmp_path, "--mcp") as address, ThreadPoolExecutor(1) as thread:
        names, answer = thread.submit(asyncio.run, ask(address)).result()
    assert {"recommend", "explain", "search", "similar"} <= names
    assert "teapot-" in answer


def test_nothing_answers_without_the_password(locked: str) -> None:
    for path in ("", "health", "thumbnails/0", "cards", "config", "gradio_api/info", "gradio_api/mcp/", "theme.css"):
        assert get(f"{locked}/{path}")[0] == 401
        assert get(f"{locked}/{path}", "me:wrong")[0] == 401
    assert get(f"{locked}/health", "me:secret")[0] == 200


def test_pictures_cards_and_health_over_http(url: str) -> None:
    assert json.loads(get(f"{url}/health")[1]) == {"status": "ok", "device": "cpu", "items": 728}
    status, picture = get(f"{url}/thumbnails/0")
    assert (status, picture[8:12]) == (200, b"WEBP")
    assert get(f"{url}/thumbnails/728")[0] == 404
    assert get(f"{url}/thumbnails/-1")[0] == 404
    assert get(f"{url}/thumbnails/manifest")[0] == 422
    for path in ("own/own-x", "own/mug-01", "own/..%2f..%2fetc%2fpasswd"):
        assert get(f"{url}/{path}")[0] == 404
    assert get(f"{url}/cards?offset=720")[1].count(b"<article") == 8


@pytest.mark.parametrize(
    ("text", "where", "status"),
    [
        ("' or 1=1 --", "{}", 200),
        ('"; drop table items; --', "{}", 200),
        (EVIL, "{}", 200),
        ("", '{"category": "nothing"}', 422),
        ("", '{"x\' or 1=1": "y"}', 422),
        ("", "[1]", 422),
        ("", "{", 422),
        ("", '{"category": {"a": 1}}', 422),
        ("", '{"category": 7}', 422),
    ],
)
def test_no_search_says_more_than_it_should(url: str, text: str, where: str, status: int) -> None:
    query = urllib.parse.urlencode({"text": text, "where": where})
    answered, body = get(f"{url}/cards?{query}")
    assert answered == status
    assert status == 200 or body == b""
    assert EVIL.encode() not in body
    assert get(f"{url}/cards")[1].count(b"<article") == 48


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=../../../../etc/passwd",
        "file=/etc/passwd",
        "static/../../../pyproject.toml",
    ],
)
def test_no_file_of_the_machine_is_served(url: str, path: str) -> None:
    status, body = get(f"{url}/{path}")
    assert status in (403, 404)
    assert b"root:" not in body


def test_large_requests_and_files_are_refused(url: str) -> None:
    host = urllib.parse.urlsplit(url).netloc
    for path, status in (("/gradio_api/queue/join", 413), ("/gradio_api/upload", 403)):
        with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
            connection.putrequest("POST", path)
            connection.putheader("Content-Length", "200000000")
            connection.endheaders()
            assert connection.getresponse().status == status


def test_connections_that_are_cut_stop_nothing(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    for begun in (
        b"GET /gradio_api/queue/data?session_hash=x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /gradio_api/queue/join HTTP/1.1\r\nContent-",
    ):
        for _ in range(20):
            with socket.create_connection((parts.hostname, parts.port)) as connection:
                connection.sendall(begun)
                connection.settimeout(0.05)
                with suppress(TimeoutError):
                    connection.recv(100)
    assert get(f"{url}/health")[0] == 200


def test_events_of_any_shape_stop_nothing(url: str) -> None:
    config = json.loads(get(f"{url}/config")[1])
    catalogue = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "catalogue")
    clicked = next(one["id"] for one in config["dependencies"] if [catalogue, "click"] in one["targets"])
    for said in (None, [], "x", {"action": 7, "item": {}, "place": "x"}, {"action": "move", "place": 1e9, "to": -5}):
        body = {
            "data": [None, "aligned"], "event_data": said, "fn_index": clicked, "trigger_id": catalogue,
            "session_hash": f"hostile-{said}",
        }  # fmt: skip
        request = urllib.request.Request(
            f"{url}/gradio_api/queue/join", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
    assert get(f"{url}/health")[0] == 200
    assert Client(url, verbose=False).predict(HISTORY, 1, "", None, api_name="/recommend")
