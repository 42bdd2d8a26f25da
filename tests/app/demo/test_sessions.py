"""What Gradio keeps of its visitors: nobody's messages are dropped because others came, and all of it is forgotten."""

import asyncio
from types import SimpleNamespace

import gradio as gr
from gradio.server_messages import HeartbeatMessage

from molar.app.demo.sessions import forget_answered, keep_all_messages

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
