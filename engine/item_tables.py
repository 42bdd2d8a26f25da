"""The item tables on the device, the vectors of items that were added, and which items may be recommended.

Dimensions: N items of the bundle, P rows of a table (N up to a multiple of `BLOCK`), A slots for added items, W width
of a row.
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime as ort

from molar.engine.bundle import padded_rows
from molar.engine.errors import RequestError
from molar.engine.int8_rows import Int8Rows

OFF = -1e9
_SLOTS = 64  # at least so many for added items


@dataclass(frozen=True)
class TableState:
    """The catalogue as one run sees it, whatever is changed meanwhile.

    Attributes:
        stored: mode -> (P, W) on the device.
        host: mode -> the same as they were given.
        in_int8: mode -> the same in 8 bits, where that is used.
        added: mode -> (A, W) float32.
        slots: row of an added item in the catalogue -> its slot.
        added_ids: row of an added item -> its id.
        filled: slots that were ever used; those behind are empty.
        penalty: (1, P) float32, what every request adds to the scores of the table.
        penalty_on_device: the same.
        penalty_added: (1, A) float32.
    """

    stored: Mapping[str, ort.OrtValue]
    host: Mapping[str, np.ndarray]
    in_int8: Mapping[str, Int8Rows]
    added: Mapping[str, np.ndarray]
    slots: Mapping[int, int]
    added_ids: Mapping[int, str]
    filled: int
    penalty: np.ndarray
    penalty_on_device: ort.OrtValue
    penalty_added: np.ndarray


class ItemTables:
    """Item tables by mode; every change is a new `TableState`, so that no run sees half of one.

    Items of the bundle have the rows 0 to N - 1 in the catalogue; added ones have rows from N on, which are never given
    to others, and slots, which are.

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
            added={mode: np.zeros((_SLOTS, width), np.float32) for mode in tables},
            slots={},
            added_ids={},
            filled=0,
            penalty=penalty,
            penalty_on_device=ort.OrtValue.ortvalue_from_numpy(penalty, device),
            penalty_added=np.full((1, _SLOTS), OFF, np.float32),
        )

    def append(self, row: int, item_id: str, vectors: Mapping[str, np.ndarray], listed: bool = True) -> None:
        """Add an item at a new row of the catalogue, given its (W,) vector in each mode; unlisted ones as if hidden."""
        with self._lock:
            state = self.state
            if state.filled == state.penalty_added.shape[1]:
                state = _compacted(state)
            slot = state.filled
            for mode, vector in vectors.items():
                state.added[mode][slot] = vector  # nobody looks there yet
            penalty = state.penalty_added.copy()
            penalty[:, slot] = 0.0 if listed else OFF
            self.state = replace(
                state,
                slots={**state.slots, row: slot},
                added_ids={**state.added_ids, row: item_id},
                filled=slot + 1,
                penalty_added=penalty,
            )

    def drop(self, rows: Collection[int]) -> None:
        """Take items out: their rows mean nothing from the next run on."""
        self.switch(off=rows)
        with self._lock:
            state = self.state
            kept = {row: slot for row, slot in state.slots.items() if row not in rows}
            self.state = replace(
                state,
                slots=kept,
                added_ids={row: state.added_ids[row] for row in kept},
            )

    def switch(self, off: Collection[int] = (), on: Collection[int] = ()) -> None:
        """Let rows of the catalogue no longer be recommended, or again."""
        with self._lock:
            state = self.state
            penalty, penalty_added = state.penalty.copy(), state.penalty_added.copy()
            for rows, value in ((off, OFF), (on, 0.0)):
                penalty[:, [row for row in rows if row < self.items]] = value
                penalty_added[:, [state.slots[row] for row in rows if row in state.slots]] = value
            on_device = state.penalty_on_device
            if any(row < self.items for rows in (off, on) for row in rows):
                on_device = ort.OrtValue.ortvalue_from_numpy(penalty, self._device)
            else:
                penalty = state.penalty
            self.state = replace(
                state,
                penalty=penalty,
                penalty_on_device=on_device,
                penalty_added=penalty_added,
            )

    def put(self, tables: Mapping[str, np.ndarray]) -> None:
        """Put other (N, W) tables in the place of those of the same modes.

        Raises:
            RequestError: a mode is unknown, or a table has another shape or type.
        """
        for mode, table in tables.items():
            if mode not in self.state.host:
                raise RequestError(f"no mode {mode!r}; this bundle has {', '.join(self.state.host)}")
            wanted = (self.items, self.state.host[mode].shape[1])
            if table.shape != wanted or table.dtype != np.float32:
                raise RequestError(f"table {mode}: {table.dtype} {table.shape}; it must be float32 {wanted}")
        empty = np.zeros((self.rows - self.items, next(iter(tables.values())).shape[1]), np.float32)
        padded = {mode: np.concatenate([table, empty]) for mode, table in tables.items()}
        with self._lock:
            state = self.state
            rounded = {
                mode: Int8Rows.of(padded[mode], before.part) for mode, before in state.in_int8.items() if mode in padded
            }
            self.state = replace(
                state,
                stored={**state.stored, **{mode: self._on_device(table) for mode, table in padded.items()}},
                host={**state.host, **padded},
                in_int8={**state.in_int8, **rounded},
            )

    def vector(self, mode: str, row: int) -> np.ndarray:
        """(W,) float32 of a row of the catalogue.

        Raises:
            RequestError: its item was removed.
        """
        state = self.state
        if row >= self.items and row not in state.slots:
            raise RequestError("the item was removed from the catalogue")
        found: np.ndarray = state.host[mode][row] if row < self.items else state.added[mode][state.slots[row]]
        return found

    def graph_rows(self, rows: Collection[int], state: TableState) -> list[int]:
        """Rows as the catalogue counts them -> as the graph does, where slots follow the table; dropped ones go."""
        return [
            row if row < self.items else self.rows + state.slots[row]
            for row in rows
            if row < self.items or row in state.slots
        ]

    def catalog_rows(self, rows: np.ndarray, state: TableState) -> np.ndarray:
        """The way back; -1 for slots without an item."""
        if rows.size == 0 or rows.max() < self.rows:
            return rows
        of_slot = np.full(state.penalty_added.shape[1], -1)
        for row, slot in state.slots.items():
            of_slot[slot] = row
        return np.where(rows < self.rows, rows, of_slot[np.maximum(rows - self.rows, 0)])

    def _on_device(self, table: np.ndarray) -> ort.OrtValue:
        values = table.astype(np.float16) if self._half else table
        return ort.OrtValue.ortvalue_from_numpy(values, self._device)


def _compacted(state: TableState) -> TableState:
    """With arrays of its own, in which the slots of dropped items are free and as many more; runs keep the old ones."""
    slots = max(_SLOTS, 2 * len(state.slots))
    taken = list(state.slots.values())
    added = {}
    for mode, vectors in state.added.items():
        added[mode] = np.zeros((slots, vectors.shape[1]), np.float32)
        added[mode][: len(taken)] = vectors[taken]
    penalty = np.full((1, slots), OFF, np.float32)
    penalty[:, : len(taken)] = state.penalty_added[:, taken]
    return replace(
        state,
        added=added,
        slots={row: slot for slot, row in enumerate(state.slots)},
        filled=len(taken),
        penalty_added=penalty,
    )
