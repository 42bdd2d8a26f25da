"""`molar bench demo`: how soon the demo answers, what many visitors at once wait for, and what stays when they leave.

Each simulated visitor does what the page does: it holds a connection for as long as it is open, sends a click to the
queue and reads the answer's stream. It checks that the history in the answer is its own.
"""

import asyncio
import os
import random
import re
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from molar.app.demo.click_benchmark import measure_clicks
from molar.app.running import running
from molar.engine import RequestError
from molar.engine.bundle import CATALOG, open_bundle
from molar.engine.catalog import Catalog

_LONGEST = 12  # events; then a visitor begins anew
_ALONE = 20  # clicks
_KEEP = 0.1  # minutes that the demo remembers who has left
_AGAIN = 4  # times that as many others come


@dataclass
class _Visitor:
    """One visitor; `clicks` are milliseconds, `wrong` counts answers with another history than its own."""

    address: str
    dependency: int
    trigger: int
    mode: str
    items: list[str]
    session: str
    clicks: list[float] = field(default_factory=list)
    wrong: int = 0
    errors: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    async def click(self, client: httpx.AsyncClient) -> None:
        """Look at one more item, or clear the history, and wait for all that follows from it."""
        if len(self.history) == _LONGEST:
            action, item, wanted = "clear", "", list[str]()
        else:
            action, item = "look", random.choice([item for item in self.items if item not in self.history])
            wanted = [*self.history, item]
        begun = time.perf_counter()
        said = {"action": action, "item": item, "place": -1, "to": -1, "title": "", "data": ""}
        body = {
            "data": [None, self.mode], "event_data": said, "fn_index": self.dependency,
            "trigger_id": self.trigger,
        }  # fmt: skip
        try:
            answer = await self._ask(client, body)
        except (httpx.HTTPError, RequestError) as error:
            self.errors.append(repr(error))
            return
        self.clicks.append((time.perf_counter() - begun) * 1e3)
        self.history = wanted
        shown = re.findall(r'data-action=\\"remove\\" data-item=\\"([^"\\]+)', answer)
        self.wrong += shown != wanted

    async def arrive(self, client: httpx.AsyncClient, config: dict[str, Any]) -> None:
        """What the page asks for when it is opened."""
        for one in config["dependencies"]:
            if "load" in [event for _, event in one["targets"]]:
                await self._ask(client, {"data": [None] * len(one["inputs"]), "fn_index": one["id"]})

    async def stay(self, client: httpx.AsyncClient, until: float, pause: float) -> None:
        """Click, and think for `pause` seconds on average, until a moment; then close the page."""
        open_page = asyncio.create_task(self._keep_open(client))
        await asyncio.sleep(random.uniform(0, pause))
        while time.monotonic() < until:
            await self.click(client)
            await asyncio.sleep(random.uniform(0.4 * pause, 1.6 * pause))
        open_page.cancel()

    async def _keep_open(self, client: httpx.AsyncClient) -> None:
        address = f"{self.address}/gradio_api/heartbeat/{self.session}"
        async with client.stream("GET", address, timeout=None) as alive:
            async for _ in alive.aiter_raw():
                pass

    async def _ask(self, client: httpx.AsyncClient, event: dict[str, Any]) -> str:
        body = {**event, "session_hash": self.session}
        (await client.post(f"{self.address}/gradio_api/queue/join", json=body)).raise_for_status()
        async with client.stream("GET", f"{self.address}/gradio_api/queue/data?session_hash={self.session}") as lines:
            return await _completed(lines)


def measure_demo(
    bundle: Path, visitors: int, seconds: float, pause: float, chromium: Path | None = None
) -> dict[str, Any]:
    """Start the demo on a bundle in a process of its own and visit it.

    Args:
        bundle: that is shown.
        visitors: how many at once.
        seconds: how long they stay.
        pause: seconds between two clicks of a visitor, on average.
        chromium: a browser to click in too, when nobody else is there.

    Returns:
        Seconds until the first page, milliseconds of the first click, of clicks of one visitor and of many, what went
        wrong, and MB of memory before and while they are there, and after four times as many others came and left.

    Raises:
        BundleError: the bundle cannot be used.
        RequestError: the demo did not start, or the catalogue has too few items for so many visitors.
    """
    mode = open_bundle(bundle).modes[0]
    items = Catalog(bundle / CATALOG).item_ids
    if len(items) < (_LONGEST + 1) * visitors:
        most = len(items) // (_LONGEST + 1)
        raise RequestError(f"{bundle}: has {len(items)} items, enough for --visitors {most}")
    started = time.perf_counter()
    with running("demo", bundle, "--keep", str(_KEEP)) as (address, process):
        first_page = time.perf_counter() - started
        at_start = _megabytes(process, "VmRSS")
        config = httpx.get(f"{address}/config").json()
        dependency, trigger = _clicked(config)

        async def visit(client: httpx.AsyncClient, group: int, seconds: float) -> list[_Visitor]:
            many = [
                _Visitor(address, dependency, trigger, mode, items[number::visitors], f"visitor-{group}-{number}")
                for number in range(visitors)
            ]
            until = time.monotonic() + seconds
            await asyncio.gather(*(one.stay(client, until, pause) for one in many))
            return many

        async def visits() -> tuple[_Visitor, list[_Visitor], float]:
            limits = httpx.Limits(max_connections=4 * visitors)
            async with httpx.AsyncClient(timeout=60, limits=limits) as client:
                alone = _Visitor(address, dependency, trigger, mode, items, "alone")
                await alone.arrive(client, config)
                for _ in range(_ALONE):
                    await alone.click(client)
                many = await visit(client, 0, seconds)
                peak = _megabytes(process, "VmHWM")
                for group in range(1, 1 + _AGAIN):
                    await asyncio.sleep(120 * _KEEP)  # until those before are forgotten
                    await visit(client, group, 2 * pause)
            return alone, many, peak

        clicked = measure_clicks(address, chromium) if chromium else {}
        alone, many, peak = asyncio.run(visits())
        after = _megabytes(process, "VmRSS")
    clicks = [click for one in many for click in one.clicks]
    one_p50 = statistics.median(alone.clicks[1:])
    p95 = statistics.quantiles(clicks, n=20)[-1]
    return {
        "first_page_s": round(first_page, 2),
        "first_click_ms": round(alone.clicks[0], 1),
        "one_visitor_p50_ms": round(one_p50, 1),
        **clicked,
        "visitors": visitors,
        "seconds": seconds,
        "clicks": len(clicks),
        "p50_ms": round(statistics.median(clicks), 1),
        "p95_ms": round(p95, 1),
        "p95_beside_one_visitor": round(p95 / one_p50, 2),
        "errors": sum(len(one.errors) for one in [alone, *many]),
        "wrong_histories": sum(one.wrong for one in [alone, *many]),
        "memory_at_start_mb": at_start,
        "memory_peak_mb": peak,
        f"memory_after_{_AGAIN * visitors}_others_mb": after,
    }


def _clicked(config: dict[str, Any]) -> tuple[int, int]:
    """The event of a click in the catalogue, and the part of the page that it comes from."""
    trigger = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "catalogue")
    found = next(one["id"] for one in config["dependencies"] if [trigger, "click"] in one["targets"])
    return int(found), int(trigger)


async def _completed(lines: httpx.Response) -> str:
    async for line in lines.aiter_lines():
        if '"process_completed"' in line:
            if '"success":true' not in line.replace(" ", ""):
                raise RequestError(line[:200])
            return line
    raise RequestError("the stream ended before the answer")


def _megabytes(process: subprocess.Popen, kind: str) -> float:
    """Of a process, as Linux counts them; 0 elsewhere."""
    status = Path(f"/proc/{process.pid}/status")
    if not (os.name == "posix" and status.exists()):
        return 0.0
    return round(int(re.findall(rf"{kind}:\s+(\d+) kB", status.read_text())[0]) / 1024, 1)
