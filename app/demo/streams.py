"""The stream in which a page gets its answers, and what Gradio loses of it.

Gradio 6.31 closes the stream with the last answer that a page waits for. A page that has a stream opens no other: the
answer to a click on its way at that moment goes into a stream that the page just leaves, and nothing happens until the
next click. So a page's stream stays open a little longer.

Where a stream ends otherwise, Gradio drops what its session waits for, also what was asked for since. What a page waits
for is kept, until its session is forgotten.

Of the sessions for which it holds messages, Gradio drops the first that came when the 2,001st comes. If that visitor is
still there and clicks, its queue ends with a KeyError, and nobody gets an answer until the server is started again.
"""

import asyncio
from collections.abc import Callable

import gradio as gr
from gradio.server_messages import EventMessage, ProcessCompletedMessage

_OPEN = "open"  # stands among the events that a page waits for, while its stream stays open without one
_STAYS_OPEN = 1.0  # seconds after the last answer


class _Messages(asyncio.Queue):
    """For one session; `read` says how many streams wait for the next."""

    read = 0

    async def get(self) -> EventMessage:
        self.read += 1
        try:
            message: EventMessage = await super().get()
        finally:
            self.read -= 1
        return message


class _AllMessages(dict[str, asyncio.Queue]):
    """Session -> messages for it, of as many sessions as there are; whoever has left gets theirs into the void."""

    def __init__(self, pages: set[str]) -> None:
        super().__init__()
        self._pages = pages

    def __missing__(self, session: str) -> asyncio.Queue:
        return asyncio.Queue()

    def __setitem__(self, session: str, messages: asyncio.Queue) -> None:
        super().__setitem__(session, _Messages())

    def __delitem__(self, session: str) -> None:
        if session not in self._pages:
            super().__delitem__(session)


class _Events(set[str]):
    """Events that a session waits for; Gradio closes its stream when none is left."""

    def __init__(self, events: set[str], answered: Callable[["_Events"], None]) -> None:
        super().__init__(events)
        self._answered = answered
        self.timer: asyncio.TimerHandle | None = None

    def remove(self, event: str) -> None:
        super().remove(event)
        if event != _OPEN and self <= {_OPEN}:
            self._answered(self)


class _AllEvents(dict[str, set[str]]):
    """Session -> the events that it waits for."""

    def __init__(self, messages: _AllMessages, pages: set[str]) -> None:
        super().__init__()
        self._messages = messages
        self.pages = pages

    def __setitem__(self, session: str, events: set[str]) -> None:
        if not isinstance(events, _Events):
            events = _Events(events, lambda answered: self._stay_open(session, answered))
        super().__setitem__(session, events)

    def _stay_open(self, session: str, events: _Events) -> None:
        if session not in self.pages:
            return
        if events.timer is not None:
            events.timer.cancel()
        events.add(_OPEN)
        events.timer = asyncio.get_running_loop().call_later(_STAYS_OPEN, self._close, session, events)

    def _close(self, session: str, events: _Events) -> None:
        """Let Gradio close the stream as if an event had been answered, if there is one that waits."""
        messages = self._messages.get(session)
        if events == {_OPEN} and isinstance(messages, _Messages) and messages.read:
            messages.put_nowait(ProcessCompletedMessage(event_id=_OPEN, output={}, success=True))
        else:
            events.discard(_OPEN)


def keep_streams(page: gr.Blocks) -> None:
    """Let nobody's messages be dropped because others came or a stream ended; `forget` drops them."""
    queue, pages = page._queue, set[str]()
    messages = _AllMessages(pages)
    queue.pending_messages_per_session = messages  # type: ignore[assignment]
    queue.pending_event_ids_session = _AllEvents(messages, pages)
    clean = queue.clean_events

    async def clean_events(*, session_hash: str | None = None, event_id: str | None = None) -> None:
        if session_hash not in pages:
            await clean(session_hash=session_hash, event_id=event_id)

    queue.clean_events = clean_events  # type: ignore[method-assign]


def keep_open(page: gr.Blocks, session: str | None) -> None:
    """A session is that of a page: its stream stays open a little after each answer."""
    events = page._queue.pending_event_ids_session
    if isinstance(events, _AllEvents) and session:
        events.pages.add(session)


def drop(page: gr.Blocks, session: str) -> None:
    """Drop what a session was told and waits for; Gradio makes its queue anew with the next event."""
    page._queue.pending_messages_per_session.pop(session, None)
    page._queue.pending_event_ids_session.pop(session, None)


def forget(page: gr.Blocks, session: str) -> None:
    """The same of a session whose page was closed."""
    drop(page, session)
    events = page._queue.pending_event_ids_session
    if isinstance(events, _AllEvents):
        events.pages.discard(session)
