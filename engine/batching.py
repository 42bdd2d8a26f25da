"""Concurrent calls share one run of the graph."""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass
class _Ticket(Generic[Request, Answer]):
    """A request that waits.

    Attributes:
        request: what was asked.
        kind: only requests of the same kind run together.
        call: by whom.
        answer: None until it ran.
        error: what the run raised.
        done: whether there is an answer or an error.
    """

    request: Request
    kind: Hashable
    call: "_Call"
    answer: Answer | None = None
    error: BaseException | None = None
    done: bool = False


@dataclass
class _Call:
    """Who waits for one or more tickets.

    Attributes:
        turn: set when one of them is done, or when the call shall run the next batch.
        leads: whether it shall.
    """

    turn: threading.Event = field(default_factory=threading.Event)
    leads: bool = False


class Batcher(Generic[Request, Answer]):
    """Runs one batch at a time, made of what has been asked for meanwhile.

    A call that finds nothing running runs at once, so that waiting costs a lone caller nothing. What arrives during a
    run waits for its end and runs together. There is no thread of its own: whoever waits first runs the next batch,
    until its own answers are there.

    Args:
        run: requests of one kind -> their answers, in order; called by one thread at a time.
        kind: of a request.
        largest: number of requests that may run together.
        wait_ms: how long a batch that is not full is held open for more.
    """

    def __init__(
        self,
        run: Callable[[list[Request]], list[Answer]],
        kind: Callable[[Request], Hashable],
        largest: int,
        wait_ms: float = 0.0,
    ) -> None:
        self._run = run
        self._kind = kind
        self._largest = largest
        self._wait_ms = wait_ms
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket[Request, Answer]] = deque()
        self._busy = False

    def __call__(self, requests: Sequence[Request]) -> list[Answer]:
        """Answers in the order of the requests; raises what the run raised."""
        if not requests:
            return []
        call = _Call()
        tickets = [_Ticket[Request, Answer](request, self._kind(request), call) for request in requests]
        with self._lock:
            self._waiting.extend(tickets)
            call.leads, self._busy = not self._busy, True
        for ticket in tickets:
            while not ticket.done:
                if call.leads:
                    call.leads = False
                    self._lead(tickets)
                    continue
                try:
                    call.turn.wait()
                except BaseException:  # Ctrl-C
                    self._leave(call)
                    raise
                call.turn.clear()
        failed = next((ticket.error for ticket in tickets if ticket.error is not None), None)
        if failed is not None:
            raise failed
        return [ticket.answer for ticket in tickets]  # type: ignore[misc]

    def _lead(self, own: list[_Ticket[Request, Answer]]) -> None:
        """Run batches until all of one's own tickets are done, then let the next in line lead."""
        try:
            while not all(ticket.done for ticket in own):
                if self._wait_ms and len(self._waiting) < self._largest:
                    time.sleep(self._wait_ms / 1e3)
                self._run_batch(self._next_batch())
        finally:
            with self._lock:
                self._hand_over()

    def _hand_over(self) -> None:
        if self._waiting:
            self._waiting[0].call.leads = True
            self._waiting[0].call.turn.set()
        else:
            self._busy = False

    def _leave(self, call: _Call) -> None:
        """Wait no longer; whoever was asked to lead meanwhile passes that on."""
        with self._lock:
            self._waiting = deque(ticket for ticket in self._waiting if ticket.call is not call)
            if call.leads:
                self._hand_over()

    def _next_batch(self) -> list[_Ticket[Request, Answer]]:
        """The first in line, and those behind of the same kind."""
        with self._lock:
            kind = self._waiting[0].kind
            batch = [ticket for ticket in self._waiting if ticket.kind == kind][: self._largest]
            taken = set(map(id, batch))
            self._waiting = deque(ticket for ticket in self._waiting if id(ticket) not in taken)
        return batch

    def _run_batch(self, batch: list[_Ticket[Request, Answer]]) -> None:
        try:
            for ticket, answer in zip(batch, self._run([ticket.request for ticket in batch]), strict=True):
                ticket.answer = answer
        except BaseException as error:
            for ticket in batch:
                ticket.error = error
        for ticket in batch:
            ticket.done = True
        for call in {id(ticket.call): ticket.call for ticket in batch}.values():
            call.turn.set()
