"""Recommendations that are asked for at the same time are found together, while the event loop reads what comes next.

A thread for each request costs the service more than the request: they wait for each other and for the interpreter.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from molar.engine import Recommendation, Recommender
from molar.engine.ranker import RankRequest


class _Waiting(NamedTuple):
    recommender: Recommender
    request: RankRequest
    answer: asyncio.Future[list[Recommendation]]


class Batches:
    """Runs what waits, one batch at a time; of one event loop.

    A request that finds nothing running runs at once; what comes meanwhile runs together next.

    Args:
        wait_ms: how long a run waits for more requests to share it.
    """

    def __init__(self, wait_ms: float = 0.0) -> None:
        self._wait_s = wait_ms / 1e3
        self._thread = ThreadPoolExecutor(1, "molar-batches")
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def answer(self, recommender: Recommender, request: RankRequest) -> list[Recommendation]:
        """What `recommender` answers; raises what it raises."""
        waiting = _Waiting(recommender, request, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._running is None:
            self._running = asyncio.create_task(self._run_all())
        return await waiting.answer

    async def _run_all(self) -> None:
        try:
            while self._waiting:
                if self._wait_s:
                    await asyncio.sleep(self._wait_s)
                first = self._waiting[0].recommender  # another bundle may have been opened since
                batch = [waiting for waiting in self._waiting if waiting.recommender is first]
                self._waiting = [waiting for waiting in self._waiting if waiting.recommender is not first]
                await self._run(first, batch)
        finally:
            self._running = None

    async def _run(self, recommender: Recommender, batch: list[_Waiting]) -> None:
        requests = [waiting.request for waiting in batch]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, recommender.answer, requests)
        except Exception as error:
            for waiting in batch:
                if not waiting.answer.done():  # whoever asked may have gone
                    waiting.answer.set_exception(error)
        else:
            for waiting, answer in zip(batch, answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)
