"""How fast memory is: what no engine that reads a whole table can beat."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

_BYTES = 2**29


def read_speed(threads: int, size: int = _BYTES) -> float:
    """Bytes a second that all threads together read: the quicker of two ways, the median of nine times each."""
    memory = np.ones(size // 4, np.float32)
    fastest = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for read, seen_as in ((np.max, np.float32), (np.bitwise_or.reduce, np.uint64)):
            parts = np.array_split(memory.view(seen_as), threads)
            times = []
            for _ in range(12):
                started = time.perf_counter()
                list(pool.map(read, parts))
                times.append(time.perf_counter() - started)
            fastest = max(fastest, size / float(np.median(times[3:])))
    return fastest


def copy_speed(device: torch.device, size: int = _BYTES) -> float:
    """Bytes a second that a device reads and writes while it copies memory, the median of nine times."""
    source = torch.ones(size // 4, device=device)
    copy = torch.empty_like(source)
    times = []
    for _ in range(12):
        started = time.perf_counter()
        copy.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return 2 * size / float(np.median(times[3:]))
