"""What is asked for at the same time is found together, and each gets its own."""

import asyncio
import threading
from collections.abc import Sequence
from typing import cast

import pytest

from molar.app.cli_serve import showroom
from molar.app.service_batches import Batches
from molar.engine import Recommendation, Recommender, RequestError
from molar.engine.ranker import RankRequest


class Watched:
    """A recommender whose runs are counted, and wait until they may end."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        self.sizes: list[int] = []
        self.may_end = threading.Event()
        self.fails = False

    def answer(self, requests: Sequence[RankRequest]) -> list[list[Recommendation]]:
        self.sizes.append(len(requests))
        self.may_end.wait(10)
        if self.fails:
            raise RequestError("not today")
        return self.recommender.answer(requests)


@pytest.fixture(scope="module")
def shop() -> Recommender:
    return Recommender.load(showroom(), "cpu")


def answering(batches: Batches, watched: Watched, request: RankRequest) -> asyncio.Task[list[Recommendation]]:
    return asyncio.create_task(batches.answer(cast(Recommender, watched), request))


async def _asked(batches: Batches, watched: Watched, requests: Sequence[RankRequest]) -> list[asyncio.Task]:
    """Ask for the first alone, and for the others while it runs."""
    tasks = []
    for request in requests:
        tasks.append(answering(batches, watched, request))
        await asyncio.sleep(0.01)
    return tasks


def test_what_comes_while_others_are_found_is_found_together(shop: Recommender) -> None:
    ids, watched = shop.catalog.item_ids, Watched(shop)
    requests = [shop.request(ids[i : i + 3], k=i + 1, mode=shop.modes[i % 2]) for i in range(9)]

    async def all_of_them() -> list[list[Recommendation]]:
        tasks = await _asked(Batches(), watched, requests)
        watched.may_end.set()
        return await asyncio.gather(*tasks)

    answers = asyncio.run(all_of_them())
    assert watched.sizes == [1, 8]
    for i, answer in enumerate(answers):
        alone = shop.recommend(ids[i : i + 3], i + 1, mode=shop.modes[i % 2])
        assert [each.item_id for each in answer] == [each.item_id for each in alone]


def test_an_error_reaches_all_who_asked_and_nobody_after_them(shop: Recommender) -> None:
    watched = Watched(shop)
    request = shop.request(["mug-01"])

    async def fail_and_go_on() -> list[object]:
        batches = Batches()
        tasks = await _asked(batches, watched, [request] * 3)
        watched.fails = True
        watched.may_end.set()
        failed = await asyncio.gather(*tasks, return_exceptions=True)
        watched.fails = False
        return [*failed, await answering(batches, watched, request)]

    *failed, answer = asyncio.run(fail_and_go_on())
    assert [str(error) for error in failed] == ["not today"] * 3
    assert answer == shop.recommend(["mug-01"])


def test_who_leaves_takes_nothing_from_the_others(shop: Recommender) -> None:
    watched = Watched(shop)

    async def leave() -> list[Recommendation]:
        tasks = await _asked(Batches(), watched, [shop.request(["mug-01"]), shop.request(["kettle-07"])])
        tasks[0].cancel()
        watched.may_end.set()
        found: list[Recommendation] = await tasks[1]
        return found

    assert asyncio.run(leave()) == shop.recommend(["kettle-07"])


def test_a_bundle_that_was_opened_since_answers_its_own(shop: Recommender) -> None:
    before, since = Watched(shop), Watched(Recommender.load(showroom(), "cpu"))

    async def both() -> None:
        batches = Batches()
        tasks = [
            asyncio.create_task(batches.answer(one, one.recommender.request(["mug-01"]))) for one in (before, since)
        ]  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        before.may_end.set()
        since.may_end.set()
        await asyncio.gather(*tasks)

    asyncio.run(both())
    assert before.sizes == since.sizes == [1]
