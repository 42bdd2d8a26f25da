"""Concurrent calls share runs; nobody gets another's answer, and nobody waits for ever."""

import _thread
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from molar.engine.batching import Batcher


class Doubler:
    """Doubles numbers; strings fail. Notes what ran together, and that no two runs overlap."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[list] = []
        self.seconds = seconds
        self._running = threading.Lock()

    def __call__(self, numbers: list) -> list:
        assert self._running.acquire(blocking=False)
        try:
            time.sleep(self.seconds)
            self.batches.append(numbers)
            return [number * 2 if isinstance(number, int) else 1 / 0 for number in numbers]
        finally:
            self._running.release()


def batcher(run: Doubler, largest: int = 64, wait_ms: float = 0.0) -> Batcher:
    return Batcher(run, lambda request: type(request), largest, wait_ms)


def test_a_lone_call_runs_alone_and_at_once() -> None:
    run = Doubler()
    call = batcher(run)
    assert call([1]) == [2]
    assert call([2, 3]) == [4, 6]
    assert call([]) == []
    assert run.batches == [[1], [2, 3]]


def test_what_is_asked_meanwhile_runs_together() -> None:
    run = Doubler(0.05)
    call = batcher(run)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: call([number]), range(16)))
    assert answers == [[2 * number] for number in range(16)]
    assert len(run.batches) <= 4
    assert sorted(number for batch in run.batches for number in batch) == list(range(16))


def test_no_batch_is_larger_than_allowed_nor_of_two_kinds() -> None:
    run = Doubler(0.002)
    call = batcher(run, largest=3)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: call([n, True, n + 1]), range(40)))
    assert answers == [[2 * n, 2, 2 * n + 2] for n in range(40)]
    assert all(len(batch) <= 3 and len(set(map(type, batch))) == 1 for batch in run.batches)


def test_a_batch_can_be_held_open() -> None:
    run = Doubler()
    call = batcher(run, wait_ms=100)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(call, [1])
        time.sleep(0.02)
        second = pool.submit(call, [2])
        assert (first.result(), second.result()) == ([2], [4])
    assert run.batches == [[1, 2]]


def test_an_error_reaches_those_whom_it_concerns() -> None:
    run = Doubler(0.01)
    call = batcher(run)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(call, ["no" if n % 2 else n]) for n in range(20)]
    for n, future in enumerate(futures):
        if n % 2:
            with pytest.raises(ZeroDivisionError):
                future.result()
        else:
            assert future.result() == [2 * n]
    assert call([7]) == [14]


def test_many_threads_for_a_while() -> None:
    run = Doubler()
    call = batcher(run, largest=5)

    def many(start: int) -> bool:
        return all(call([n, n + 1]) == [2 * n, 2 * n + 2] for n in range(start, start + 200))

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(many, range(32)))


def test_who_gives_up_is_not_waited_for() -> None:
    """Ctrl-C while waiting: the request does not run, and the others' turns come."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    try:
        _give_up()
    finally:
        signal.signal(signal.SIGINT, before)


def _give_up() -> None:
    run = Doubler(0.3)
    call = batcher(run)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(call, [1])
        time.sleep(0.1)
        threading.Timer(0.1, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            call([2])
        others = [pool.submit(call, [n]) for n in range(3, 6)]
        assert first.result(timeout=5) == [2]
        assert [other.result(timeout=5) for other in others] == [[6], [8], [10]]
    assert call([9]) == [18]
    assert not any(2 in batch for batch in run.batches)
