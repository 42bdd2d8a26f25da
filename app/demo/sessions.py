"""Who has left is forgotten, with everything that Gradio keeps of them.

Gradio deletes the values of a closed page after an hour, but not the copy of the page's settings that it keeps for each
visitor (a quarter of a megabyte here), until 10,000 of them have come.

Of the sessions for which it holds messages, Gradio 6.31 drops the first that came when the 2,001st comes. If that
visitor is still there and clicks, its queue ends with a KeyError, and nobody gets an answer until the server is started
again.

It closes the stream of a visitor's answers with the last of them. A click on its way at that moment is answered into a
stream that the page just leaves, and nothing happens until the next click; so the stream stays open a little longer.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import gradio as gr
from gradio.server_messages import CloseStreamMessage, EventMessage

_OPEN = "open"  # waits in the place of an event, while a stream stays open without one
_STAYS_OPEN = 1.0  # seconds

MOST_SESSIONS = 1_000  # of more, the one that was not used for longest goes
KEPT = 30.0  # minutes


class Messages(dict[str, asyncio.Queue]):
    """Session -> messages for it, of as many sessions as there are; whoever has left gets theirs into the void."""

    def __missing__(self, session: str) -> asyncio.Queue:
        return asyncio.Queue()

    def __setitem__(self, session: str, messages: asyncio.Queue) -> None:
        super().__setitem__(session, _Read())


class _Read(asyncio.Queue):
    """Messages, and how many streams wait for one."""

    waiting = 0

    async def get(self) -> EventMessage:
        self.waiting += 1
        try:
            message: EventMessage = await super().get()
        finally:
            self.waiting -= 1
        return message


class Waiting(dict[str, set[str]]):
    """Session -> events that it waits for; a stream whose set is empty is closed."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self._messages = messages

    def __setitem__(self, session: str, events: set[str]) -> None:
        if not isinstance(events, _Events):
            events = _Events(events)
            events.answered = partial(self._answered, session, events)
        super().__setitem__(session, events)

    def _answered(self, session: str, events: set[str]) -> None:
        """Let the stream stay open, and close it after a while."""
        events.add(_OPEN)
        asyncio.get_running_loop().call_later(_STAYS_OPEN, self._close, session, events)

    def _close(self, session: str, events: set[str]) -> None:
        alone = events == {_OPEN}
        events.discard(_OPEN)
        messages = self._messages.get(session)
        if alone and isinstance(messages, _Read) and messages.waiting:
            messages.put_nowait(CloseStreamMessage())


class _Events(set[str]):
    """Calls `answered` when the last is gone."""

    answered: Callable[[], None]

    def remove(self, event: str) -> None:
        super().remove(event)
        if not self:
            self.answered()


def keep_all_messages(page: gr.Blocks) -> None:
    """Let nobody's messages be dropped because others came, or because a stream was being closed.

    `keep_forgetting` drops those of who waits for nothing.
    """
    queue = page._queue
    messages = Messages()
    queue.pending_messages_per_session = messages  # type: ignore[assignment]
    queue.pending_event_ids_session = Waiting(messages)


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
