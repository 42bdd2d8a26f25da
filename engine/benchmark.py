"""Latency of the engine on a bundle, and what opening one costs."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from molar.engine.recommender import Recommender

_WARM_UP = 20


def benchmark_bundle(bundle: Path, length: int, calls: int, device: str, precision: str) -> dict[str, Any]:
    """Time `recommend` for one person, k = 10, after 20 calls to warm up.

    Args:
        bundle: folder.
        length: events in each history, drawn at random.
        calls: timed ones.
        device: as in `Recommender.load`.
        precision: as in `Recommender.load`.

    Returns:
        Milliseconds of a call (p50, p95, p99), what loading the bundle takes, and milliseconds to import
        `molar.engine` in a new process.
    """
    recommender = Recommender.load(bundle, device, precision)
    rng = np.random.default_rng(0)
    ids = recommender.catalog.item_ids
    histories = [[ids[row] for row in rng.integers(0, len(ids), length)] for _ in range(calls + _WARM_UP)]
    times = []
    for history in histories:
        started = time.perf_counter()
        recommender.recommend(history, k=10)
        times.append((time.perf_counter() - started) * 1e3)
    return {
        "bundle": recommender.manifest.name,
        "items": recommender.manifest.items,
        "table_width": recommender.manifest.dim,
        "history": length,
        "calls": calls,
        "device": recommender.device,
        "precision": recommender.precision,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        **milliseconds(times[_WARM_UP:]),
        **loading_facts(bundle),
        "import_ms": round(_import_ms(), 1),
    }


def milliseconds(times: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 of times in milliseconds."""
    return {f"p{share}_ms": round(float(np.percentile(times, share)), 4) for share in (50, 95, 99)}


def loading_facts(bundle: Path) -> dict[str, float]:
    """What opening a bundle takes in a process of its own, its files in the system's cache.

    Returns:
        `load_ms`; `memory_mb`, by which the resident memory grows, and `tables_mb`, what the tables are.
    """
    code = (
        "import sys, time\n"
        "from molar.engine import Recommender\n"
        "from molar.engine.benchmark import resident_mb\n"
        "before, started = resident_mb(), time.perf_counter()\n"
        "recommender = Recommender.load(sys.argv[1], 'cpu')\n"
        "print((time.perf_counter() - started) * 1e3, resident_mb() - before)\n"
    )
    load_ms, memory = map(float, subprocess.check_output([sys.executable, "-c", code, str(bundle)]).split())
    tables = sum(path.stat().st_size for path in bundle.glob("items*.safetensors")) / 1e6
    return {"load_ms": round(load_ms, 1), "memory_mb": round(memory, 1), "tables_mb": round(tables, 1)}


def resident_mb() -> float:
    """Memory of this process that is resident, in MB; 0 where /proc does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if status.exists() else 0.0


def _import_ms() -> float:
    code = "import time; t = time.perf_counter(); import molar.engine; print(time.perf_counter() - t)"
    found = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    return float(np.median(found)) * 1e3
