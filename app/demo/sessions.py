"""Who has left is forgotten, with everything that Gradio keeps of them.

Gradio deletes the values of a closed page after an hour, but not the copy of the page's settings that it keeps for each
visitor (a quarter of a megabyte here), until 10,000 of them have come.

Of the sessions for which it holds messages, Gradio 6.31 drops the first that came when the 2,001st comes. If that
visitor is still there and clicks, its queue ends with a KeyError, and nobody gets an answer until the server is started
again.
"""

import asyncio
import ctypes
import gc
from contextlib import suppress
from datetime import datetime, timedelta

import gradio as gr

MOST_SESSIONS = 1_000  # of more, the one that was not used for longest goes
KEPT = 30.0  # minutes


class Messages(dict[str, asyncio.Queue]):
    """Session -> messages for it, of as many sessions as there are; whoever has left gets theirs into the void."""

    def __missing__(self, session: str) -> asyncio.Queue:
        return asyncio.Queue()


def keep_all_messages(page: gr.Blocks) -> None:
    """Let nobody's messages be dropped because others came; `keep_forgetting` drops those of who waits for nothing."""
    queue = page._queue
    queue.pending_messages_per_session = Messages(queue.pending_messages_per_session)  # type: ignore[assignment]


def forget_answered(page: gr.Blocks) -> None:
    """Drop the queues of sessions that wait for no answer; Gradio makes them anew."""
    queue = page._queue
    for session in list(queue.pending_messages_per_session):
        if not queue.pending_event_ids_session.get(session):
            queue.pending_messages_per_session.pop(session, None)
            queue.pending_event_ids_session.pop(session, None)


def forget_left(page: gr.Blocks, after: timedelta) -> int:
    """Drop the sessions whose page was closed and that were not used for a while; how many those are.

    A page that is open keeps its session for as long as it likes.

    Args:
        page: that is served.
        after: how long a session stays after it was last used.
    """
    holder = page.state_holder
    now = datetime.now()  # Gradio's own times have no zone either
    left = [
        key
        for key, session in list(holder.session_data.items())
        if session.is_closed and now - holder.time_last_used.get(key, now) > after
    ]
    for key in left:
        holder.delete_state(key)
        with holder.lock:
            holder.session_data.pop(key, None)
            holder.time_last_used.pop(key, None)
    return len(left)


async def keep_forgetting(page: gr.Blocks, minutes: float) -> None:
    """Forget who left and give their memory back, until this is cancelled.

    Args:
        page: that is served.
        minutes: that a session stays after it was last used.
    """
    while True:
        await asyncio.sleep(min(60.0, minutes * 30))
        forget_answered(page)
        if forget_left(page, timedelta(minutes=minutes)):
            gc.collect()
            with suppress(OSError, AttributeError):  # only glibc has it
                ctypes.CDLL(None).malloc_trim(0)
