"""`molar serve --on ray`: several replicas answer; one may die, and the bundle may be opened again."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from molar.app.cli_serve import showroom
from molar.app.running import running
from molar.engine import Recommender

pytestmark = pytest.mark.alone
HISTORY = {"history": ["mug-01", "kettle-07"]}


class Asking(threading.Thread):
    """Somebody who asks without a pause; what the answers were like."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.statuses: list[int] = []
        self.stop = threading.Event()

    def run(self) -> None:
        """Ask until `stop` is set."""
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self.stop.is_set():
                self.statuses.append(client.post("/v1/recommend", json=HISTORY).status_code)


def wait_for(what: Callable[[], bool]) -> None:
    """At most two minutes."""
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(address: str) -> bool:
    """Whether somebody is recommended something."""
    try:
        return httpx.post(f"{address}/v1/recommend", json=HISTORY, timeout=60).status_code == 200
    except httpx.HTTPError:
        return False


def replicas() -> set[int]:
    """Processes that answer."""
    found = set()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ServeReplica:molar" in process.read_bytes():
                found.add(int(process.parent.name))
        except OSError:
            continue  # it has just ended
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked for in /proc")
def test_replicas_answer_are_replaced_and_come_back() -> None:
    before = replicas()
    with running("serve", showroom(), "--on", "ray", "--replicas", "2") as (address, process):
        wait_for(lambda: answers(address))
        answer = httpx.post(f"{address}/v1/recommend", json=HISTORY, timeout=60).json()
        expected = Recommender.load(showroom(), "cpu").recommend(HISTORY["history"])
        assert [one["item_id"] for one in answer["items"]] == [one.item_id for one in expected]
        assert (
            httpx.post(f"{address}/v1/items/mug-01/hide", timeout=60).status_code == 404
        )  # one replica alone would hide it

        first = replicas() - before
        assert len(first) == 2
        asking = Asking(address)
        asking.start()
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(replicas() - before - first) == 2 and not replicas() & first)
        asking.stop.set()
        asking.join()
        assert set(asking.statuses) == {200}

        dead = (replicas() - before).pop()
        os.kill(dead, signal.SIGKILL)
        wait_for(lambda: len(replicas() - before) == 2 and dead not in replicas())
        wait_for(lambda: answers(address))
    assert replicas() == before
