"""Who has left is forgotten, with everything that Gradio keeps of them.

Gradio deletes the values of a closed page after an hour, but not the copy of the page's settings that it keeps for each
visitor (a quarter of a megabyte here), until 10,000 of them have come.
"""

import asyncio
import ctypes
import gc
from contextlib import suppress
from datetime import datetime, timedelta

import gradio as gr

from molar.app.demo.streams import drop, forget

MOST_SESSIONS = 1_000  # of more, the one that was not used for longest goes
KEPT = 30.0  # minutes


def forget_answered(page: gr.Blocks) -> None:
    """Drop the queues of sessions that wait for no answer; Gradio makes them anew."""
    queue = page._queue
    for session in list(queue.pending_messages_per_session):
        if not queue.pending_event_ids_session.get(session):
            drop(page, session)


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
        forget(page, key)
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
