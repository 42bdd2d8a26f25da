"""What Gradio keeps of its visitors: nobody's messages are dropped because others came, and all of it is forgotten."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.server_messages import HeartbeatMessage

from molar.app.cli_serve import showroom
from molar.app.demo.sessions import forget_answered
from molar.app.demo.streams import keep_streams
from molar.app.running import running

MANY = 2_500  # Gradio's own table has 2,000 places


def test_the_first_visitor_is_there_after_many_others() -> None:
    async def many_others() -> None:
        page = gr.Blocks()
        keep_streams(page)
        queue = page._queue
        for number in range(MANY):
            queue.pending_messages_per_session[f"visitor {number}"] = asyncio.Queue()
            queue.pending_event_ids_session[f"visitor {number}"] = {"click"} if number % 2 == 0 else set()
        event = SimpleNamespace(alive=True, _id="click", session_hash="visitor 0")
        queue.send_message(event, HeartbeatMessage())  # type: ignore[arg-type]
        assert queue.pending_messages_per_session["visitor 0"].qsize() == 1

        forget_answered(page)
        assert len(queue.pending_messages_per_session) == MANY // 2
        assert queue.pending_messages_per_session["visitor 0"].qsize() == 1

    asyncio.run(many_others())


def test_a_message_for_who_has_left_stops_nobody() -> None:
    async def left() -> None:
        page = gr.Blocks()
        keep_streams(page)
        event = SimpleNamespace(alive=True, _id="click", session_hash="left")
        page._queue.send_message(event, HeartbeatMessage())  # type: ignore[arg-type]
        assert "left" not in page._queue.pending_messages_per_session

    asyncio.run(left())


class Visitor:
    """A page as the server sees it: it is opened, and opened, and opened."""

    def __init__(self, address: str, client: httpx.AsyncClient, opening: dict[str, Any]) -> None:
        self.address = f"{address}/gradio_api/queue"
        self.client = client
        self.event = {"data": [None] * len(opening["inputs"]), "fn_index": opening["id"], "session_hash": "visitor"}

    async def ask(self) -> str:
        answer = await self.client.post(f"{self.address}/join", json=self.event)
        return str(answer.json()["event_id"])

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Messages, without heartbeats."""

        async def messages() -> AsyncIterator[dict[str, Any]]:
            async for line in stream.aiter_lines():
                if line.startswith("data: ") and '"heartbeat"' not in line:
                    yield json.loads(line.removeprefix("data: "))

        async with self.client.stream("GET", f"{self.address}/data?session_hash=visitor") as stream:
            yield messages()


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    with running("demo", showroom()) as (address, _):
        yield address


def visited(address: str, what: Callable[[Visitor], Coroutine[Any, Any, None]]) -> None:
    async def visit() -> None:
        async with httpx.AsyncClient(timeout=20) as client:
            config = (await client.get(f"{address}/config")).json()
            opening = next(one for one in config["dependencies"] if "load" in [name for _, name in one["targets"]])
            await what(Visitor(address, client, opening))

    asyncio.run(visit())


def test_a_click_that_comes_with_an_answer_is_answered_in_the_same_stream(demo: str) -> None:
    """A page that has a stream does not open another; Gradio used to close it with the answer."""

    async def three_events(visitor: Visitor) -> None:
        asked, answered = [await visitor.ask()], []
        async with visitor.stream() as messages:
            async for message in messages:
                if message["msg"] == "close_stream":
                    break
                if message["msg"] == "process_completed" and message["event_id"] in asked:
                    answered.append(message["event_id"])
                    if len(asked) < 3:
                        asked.append(await visitor.ask())
        assert answered == asked

    visited(demo, three_events)


def test_a_stream_that_breaks_takes_nothing_along_that_was_asked_for_since(demo: str) -> None:
    async def break_streams(visitor: Visitor) -> None:
        for _ in range(20):
            event = await visitor.ask()
            async with visitor.stream() as messages:
                async for message in messages:
                    if message["msg"] == "process_completed" and message["event_id"] == event:
                        break

    visited(demo, break_streams)
