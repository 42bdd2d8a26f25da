"""The item tables on the device, with room for items that are added while the engine runs.

Dimensions: N items, C rows that there is room for, W width of a row.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

_ROOM = 64  # rows that are added when a table is full, or a quarter of it


@dataclass(frozen=True)
class TableSnapshot:
    """The tables as one call sees them, whatever is added meanwhile.

    Attributes:
        values: mode -> (C, W) float32 on the device.
        items: N; the rows beyond are not items yet.
        capacity: C.
    """

    values: Mapping[str, ort.OrtValue]
    items: int
    capacity: int


class ItemTable:
    """Item tables by mode; calls in flight never see half an item.

    Args:
        tables: mode -> (N, W) float32; on a CPU they are used where they are, without a copy.
        device: "cuda" or "cpu".
    """

    def __init__(self, tables: Mapping[str, np.ndarray], device: str) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._host = dict(tables)
        items = len(next(iter(self._host.values())))
        self.snapshot = TableSnapshot(self._on_device(), items, items)

    def append(self, rows: Mapping[str, np.ndarray]) -> int:
        """Add an item, given its (W,) row of each mode; the number of its row."""
        with self._lock:
            items, capacity = self.snapshot.items, self.snapshot.capacity
            values = self.snapshot.values
            full = items == capacity
            if full:
                capacity = items + max(_ROOM, items // 4)
                for mode, table in self._host.items():
                    self._host[mode] = np.zeros((capacity, table.shape[1]), dtype=np.float32)
                    self._host[mode][:items] = table
            for mode, row in rows.items():
                self._host[mode][items] = row
            # On a CPU the device's table is this very memory; on a GPU it is sent again.
            if full or self._device != "cpu":
                values = self._on_device()
            self.snapshot = TableSnapshot(values, items + 1, capacity)
            return items

    def _on_device(self) -> dict[str, ort.OrtValue]:
        return {mode: ort.OrtValue.ortvalue_from_numpy(table, self._device) for mode, table in self._host.items()}
