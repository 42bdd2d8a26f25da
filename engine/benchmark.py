"""Latency of the engine."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from molar.engine.recommender import Recommender


def benchmark_engine(bundle: Path, length: int, calls: int, device: str = "auto") -> dict[str, Any]:
    """Time `recommend` for one person, k = 10, after 20 calls to warm up.

    Args:
        bundle: folder.
        length: events in each history, drawn at random.
        calls: timed ones.
        device: as in `Recommender.load`.

    Returns:
        Milliseconds of a call (p50, p95, p99), of loading the bundle, and of importing `molar.engine` in a new process.
    """
    started = time.perf_counter()
    recommender = Recommender.load(bundle, device)
    load_ms = (time.perf_counter() - started) * 1e3
    rng = np.random.default_rng(0)
    ids = recommender.catalog.item_ids
    histories = [[ids[row] for row in rng.integers(0, len(ids), length)] for _ in range(calls + 20)]
    times = []
    for history in histories:
        started = time.perf_counter()
        recommender.recommend(history, k=10)
        times.append((time.perf_counter() - started) * 1e3)
    p50, p95, p99 = np.percentile(times[20:], (50, 95, 99))
    return {
        "bundle": recommender.manifest.name,
        "items": recommender.manifest.items,
        "table_width": recommender.manifest.dim,
        "history": length,
        "calls": calls,
        "device": recommender.device,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "p50_ms": round(float(p50), 3),
        "p95_ms": round(float(p95), 3),
        "p99_ms": round(float(p99), 3),
        "load_ms": round(load_ms, 1),
        "import_ms": round(_import_ms(), 1),
    }


def _import_ms() -> float:
    code = "import time; t = time.perf_counter(); import molar.engine; print(time.perf_counter() - t)"
    found = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    return float(np.median(found)) * 1e3
