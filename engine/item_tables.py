"""The item tables on the device, the rows of items that were added, and which rows may be recommended.

Dimensions: N items of the bundle, P rows of a table (N up to a multiple of `BLOCK`), A rows that there is room for
beside it, W width of a row.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime as ort

from molar.engine.bundle import padded_rows
from molar.engine.int8_rows import Int8Rows

OFF = -1e9
_ROOM = 64  # rows for added items, then twice as many each time they are full


@dataclass(frozen=True)
class TableState:
    """The catalogue as one run sees it, whatever is changed meanwhile.

    Attributes:
        stored: mode -> (P, W) on the device.
        host: mode -> the same as they were given.
        in_int8: mode -> the same in 8 bits, where that is used.
        added: mode -> (A, W) float32.
        number_added: of A.
        off: rows, as the catalogue counts them, that may not be recommended.
        penalty: (1, P) float32, what every request adds to the scores of the table.
        penalty_on_device: the same.
        penalty_added: (1, A) float32.
    """

    stored: Mapping[str, ort.OrtValue]
    host: Mapping[str, np.ndarray]
    in_int8: Mapping[str, Int8Rows]
    added: Mapping[str, np.ndarray]
    number_added: int
    off: frozenset[int]
    penalty: np.ndarray
    penalty_on_device: ort.OrtValue
    penalty_added: np.ndarray


class ItemTables:
    """Item tables by mode; every change is a new `TableState`, so that no run sees half of one.

    Items of the bundle have the rows 0 to N - 1 in the catalogue, added ones the rows from N on.

    Args:
        tables: mode -> (P, W) float32; on a CPU they are used where they are, without a copy.
        items: N.
        device: "cuda" or "cpu".
        half: keep them in float16 on the device.
        in_int8: mode -> the same in 8 bits, where that is used.
    """

    def __init__(
        self,
        tables: Mapping[str, np.ndarray],
        items: int,
        device: str,
        half: bool = False,
        in_int8: Mapping[str, Int8Rows] | None = None,
    ) -> None:
        self.items = items
        self.rows = padded_rows(items)
        self._device = device
        self._half = half
        self._lock = threading.Lock()
        width = next(iter(tables.values())).shape[1]
        penalty = np.zeros((1, self.rows), np.float32)
        penalty[:, items:] = OFF
        self.state = TableState(
            stored={mode: self._on_device(table) for mode, table in tables.items()},
            host=dict(tables),
            in_int8=in_int8 or {},
            added={mode: np.zeros((_ROOM, width), np.float32) for mode in tables},
            number_added=0,
            off=frozenset(),
            penalty=penalty,
            penalty_on_device=ort.OrtValue.ortvalue_from_numpy(penalty, device),
            penalty_added=np.full((1, _ROOM), OFF, np.float32),
        )

    def append(self, vectors: Mapping[str, np.ndarray]) -> int:
        """Add an item, given its (W,) vector in each mode; its row in the catalogue."""
        with self._lock:
            state = self.state
            place, room = state.number_added, state.penalty_added.shape[1]
            added = state.added
            if place == room:
                room *= 2
                added = {mode: np.concatenate([rows, np.zeros_like(rows)]) for mode, rows in added.items()}
            for mode, vector in vectors.items():
                added[mode][place] = vector  # runs of before have this row masked
            penalty = np.full((1, room), OFF, np.float32)
            penalty[:, : place + 1] = 0
            penalty[:, [row - self.items for row in state.off if row >= self.items]] = OFF
            self.state = replace(state, added=added, number_added=place + 1, penalty_added=penalty)
            return self.items + place

    def switch(self, off: Collection[int] = (), on: Collection[int] = ()) -> None:
        """Let rows of the catalogue no longer be recommended, or again."""
        with self._lock:
            state = self.state
            penalty, penalty_added = state.penalty.copy(), state.penalty_added.copy()
            for rows, value in ((off, OFF), (on, 0.0)):
                penalty[:, [row for row in rows if row < self.items]] = value
                penalty_added[:, [row - self.items for row in rows if row >= self.items]] = value
            self.state = replace(
                state,
                off=(state.off | frozenset(off)) - frozenset(on),
                penalty=penalty,
                penalty_on_device=ort.OrtValue.ortvalue_from_numpy(penalty, self._device),
                penalty_added=penalty_added,
            )

    def put(self, tables: Mapping[str, np.ndarray]) -> None:
        """Put other (N, W) tables in the place of those of the same modes."""
        empty = self.rows - self.items
        tables = {
            mode: np.concatenate([table, np.zeros((empty, table.shape[1]), np.float32)])
            for mode, table in tables.items()
        }
        with self._lock:
            stored = {mode: self._on_device(table) for mode, table in tables.items()}
            before = self.state.in_int8
            rounded = {mode: Int8Rows.of(tables[mode], before[mode].part) for mode in tables if mode in before}
            self.state = replace(
                self.state,
                stored={**self.state.stored, **stored},
                host={**self.state.host, **tables},
                in_int8={**before, **rounded},
            )

    def vector(self, mode: str, row: int) -> np.ndarray:
        """(W,) float32 of a row of the catalogue."""
        state = self.state
        found: np.ndarray = state.host[mode][row] if row < self.items else state.added[mode][row - self.items]
        return found

    def graph_rows(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the catalogue counts them -> as the graph does: added ones follow the padded table."""
        return np.where(rows < self.items, rows, rows + (self.rows - self.items))

    def catalog_rows(self, rows: np.ndarray) -> np.ndarray:
        """The way back."""
        return np.where(rows < self.rows, rows, rows - (self.rows - self.items))

    def _on_device(self, table: np.ndarray) -> ort.OrtValue:
        values = table.astype(np.float16) if self._half else table
        return ort.OrtValue.ortvalue_from_numpy(values, self._device)
