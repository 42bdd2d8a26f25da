"""`molar bench serve`: how many recommendations a second the service gives, measured with wrk.

wrk (https://github.com/wg/wrk) sends histories that nobody sent before; in the middle the bundle is opened again.
"""

import json
import random
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from molar.app.running import running
from molar.engine import Recommender, RequestError

_HISTORIES = 2_000
_WARM_UP = 2  # seconds
_DIRECT = 200  # calls of the engine without the service

_SCRIPT = """
local bodies = {}
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
local headers = {["Content-Type"] = "application/json"}

function init(arguments) math.randomseed(os.time()) end

function request() return wrk.format("POST", "/v1/recommend", headers, bodies[math.random(#bodies)]) end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.3f, "p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, ' ..
    '"refused": %d, "broken": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


def measure_service(bundle: Path, wrk: str, clients: int, seconds: int, length: int, k: int) -> dict[str, Any]:
    """Start the service in a process of its own and let wrk ask it for recommendations.

    Args:
        bundle: that is served.
        wrk: the program.
        clients: connections, each of which asks again as soon as it has an answer.
        seconds: how long.
        length: of each history, in events.
        k: how many items are asked for.

    Returns:
        Requests a second and their milliseconds; how many were refused or broke off; how long the bundle took to be
        opened again meanwhile; and, as a measure, how many a second one thread gets from the engine without a service.

    Raises:
        BundleError: the bundle cannot be used.
        RequestError: wrk is not there or failed, or the service did not start.
    """
    recommender = Recommender.load(bundle, "cpu")
    ids = recommender.catalog.item_ids
    histories = [random.sample(ids, min(length, len(ids))) for _ in range(_HISTORIES)]
    alone = _direct(recommender, histories, k)
    del recommender
    with tempfile.TemporaryDirectory() as temporary, running("serve", bundle) as (address, _):
        bodies, script = Path(temporary) / "bodies", Path(temporary) / "ask.lua"
        bodies.write_text("\n".join(json.dumps({"history": history, "k": k}) for history in histories))
        script.write_text(_SCRIPT.replace("BODIES", str(bodies)))
        call = [wrk, "--threads", "1", "--connections", str(clients), "--timeout", "30s", "--script", str(script)]
        _asked([*call, "--duration", f"{_WARM_UP}s", address])
        opened: list[float] = []

        def open_again() -> None:
            begun = time.perf_counter()
            httpx.post(f"{address}/v1/reload", timeout=120).raise_for_status()
            opened.append(time.perf_counter() - begun)

        swap = threading.Timer(seconds / 2, open_again)
        swap.start()
        found = _asked([*call, "--duration", f"{seconds}s", address])
        swap.join()
    rate = found["requests"] / found.pop("seconds")
    return {
        "clients": clients,
        "seconds": seconds,
        "history": length,
        "k": k,
        "requests_a_second": round(rate, 1),
        **found,
        "opened_again_in_s": round(opened[0], 2) if opened else None,
        "one_thread_without_service_a_second": round(alone, 1),
        "beside_it": round(rate / alone, 2),
    }


def _direct(recommender: Recommender, histories: list[list[str]], k: int) -> float:
    for history in histories[:10]:
        recommender.recommend(history, k)
    begun = time.perf_counter()
    for history in histories[:_DIRECT]:
        recommender.recommend(history, k)
    return _DIRECT / (time.perf_counter() - begun)


def _asked(call: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise RequestError(f"{call[0]}: no such program; install wrk") from None
    except subprocess.CalledProcessError as error:
        raise RequestError(f"wrk: {error.stderr.strip() or error.stdout.strip()}") from None
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return found
