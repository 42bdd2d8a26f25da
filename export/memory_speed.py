"""How fast memory is: what no engine that reads a whole table can beat."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

_BYTES = 2**29


class MemoryReader:
    """Threads that together read a large piece of memory, in the quicker of two ways.

    Args:
        threads: how many.
        size: of the memory in bytes.

    Attributes:
        speed: bytes a second, the median of nine times.
    """

    def __init__(self, threads: int, size: int = _BYTES) -> None:
        self._size = size
        self._pool = ThreadPoolExecutor(threads)
        memory = np.ones(size // 4, np.float32)
        ways: list[tuple[Callable[[np.ndarray], Any], Any]] = [(np.max, np.float32), (np.bitwise_or.reduce, np.uint64)]
        self.speed = 0.0
        for read, seen_as in ways:
            parts = np.array_split(memory.view(seen_as), threads)
            times = [self._seconds(read, parts) for _ in range(12)]
            speed = size / float(np.median(times[3:]))
            if speed > self.speed:
                self.speed, self._way = speed, (read, parts)

    def milliseconds(self, size: int) -> float:
        """How long so many bytes take now, at the speed of all."""
        return self._seconds(*self._way) * size / self._size * 1e3

    def _seconds(self, read: Callable[[np.ndarray], Any], parts: Sequence[np.ndarray]) -> float:
        started = time.perf_counter()
        list(self._pool.map(read, parts))
        return time.perf_counter() - started


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
