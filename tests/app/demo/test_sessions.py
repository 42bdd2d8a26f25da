"""What Gradio keeps of its visitors: nobody's messages are dropped because others came, and all of it is forgotten."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace

import gradio as gr
import httpx
from gradio.server_messages import HeartbeatMessage

from molar.app.cli_serve import showroom
from molar.app.demo.sessions import forget_answered, keep_all_messages
from molar.app.running import running

MANY = 2_500  # Gradio's own table has 2,000 places


def test_the_first_visitor_is_there_after_many_others() -> None:
    async def many_others() -> None:
        page = gr.Blocks()
        keep_all_messages(page)
        queue = page._queue
        for number in range(MANY):
            queue.pending_messages_per_session[f"visitor {number}"] = asyncio.Queue()
            queue.pending_event_ids_session[f"visitor {number}"] = {"click"} if number % 2 == 0 else set()
        event = SimpleNamespace(alive=True, _id="click", session_hash="visitor 0")
        queue.send_message(event, HeartbeatMessage())  # type: ignore[arg-type]
        assert queue.pending_messages_per_session["visitor 0"].qsize() == 1
        assert isinstance(queue.pending_messages_per_session["visitor 0"], asyncio.Queue)

        forget_answered(page)
        assert len(queue.pending_messages_per_session) == MANY // 2
        assert queue.pending_messages_per_session["visitor 0"].qsize() == 1

    asyncio.run(many_others())


def test_a_message_for_who_has_left_stops_nobody() -> None:
    async def left() -> None:
        page = gr.Blocks()
        keep_all_messages(page)
        event = SimpleNamespace(alive=True, _id="click", session_hash="left")
        page._queue.send_message(event, HeartbeatMessage())  # type: ignore[arg-type]
        assert "left" not in page._queue.pending_messages_per_session

    asyncio.run(left())


async def read(lines: AsyncIterator[str]) -> str:
    """The next message of a stream that is no heartbeat."""
    async for line in lines:
        if line.startswith("data: ") and '"heartbeat"' not in line:
            return str(json.loads(line.removeprefix("data: "))["msg"])
    return "end"


def test_a_click_that_comes_with_an_answer_is_answered_in_the_same_stream() -> None:
    """A page that has a stream does not open another; Gradio used to close it with the answer."""

    async def three_events(address: str) -> list[str]:
        async with httpx.AsyncClient(base_url=f"{address}/gradio_api", timeout=20) as client:
            config = (await client.get(f"{address}/config")).json()
            load = next(one for one in config["dependencies"] if "load" in [name for _, name in one["targets"]])
            event = {"data": [None] * len(load["inputs"]), "fn_index": load["id"], "session_hash": "visitor"}
            said = []
            await client.post("/queue/join", json=event)
            async with client.stream("GET", "/queue/data?session_hash=visitor") as stream:
                lines = stream.aiter_lines()
                for _ in range(2):
                    while (message := await read(lines)) != "end":
                        said.append(message)
                        if message == "process_completed":
                            break
                    await client.post("/queue/join", json=event)
                while (message := await read(lines)) != "end":
                    said.append(message)
                    if message == "close_stream":
                        break
            return said

    with running("demo", showroom()) as (address, _):
        said = asyncio.run(three_events(address))
    assert said.count("process_completed") == 3
    assert said[-1] == "close_stream"
    assert said.index("close_stream") == len(said) - 1
