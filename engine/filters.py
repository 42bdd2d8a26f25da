"""Which rows the graph may return, as it wants to be told: computed once for a filter that many requests share.

Dimensions: N items of the bundle, P rows of a table, G blocks of 8-bit rows, A slots for added items.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from molar.engine.bundle import BLOCK
from molar.engine.catalog_item import Allowed
from molar.engine.int8_rows import Int8Rows
from molar.engine.item_tables import OFF, TableState

_Made = TypeVar("_Made")

_KEPT = 24  # of them 4 MB each for a million items


class Bounds(NamedTuple):
    """Those of 8-bit rows.

    Attributes:
        rows: (P,) float32, minus infinity for rows that are not allowed.
        blocks: (G,) float32, the largest of each block.
    """

    rows: np.ndarray
    blocks: np.ndarray


class Filters:
    """Masks of filters, the last ones kept; for one thread at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], tuple[tuple[object, ...], Any]] = OrderedDict()

    def penalty(self, state: TableState, allowed: Allowed | None) -> np.ndarray:
        """(1, P) float32, what is added to the scores of the table."""
        if allowed is None:
            return state.penalty

        def masked() -> np.ndarray:
            penalty = np.full_like(state.penalty, OFF)
            items = len(allowed.stored)
            penalty[:, :items] = np.where(allowed.stored, state.penalty[:, :items], OFF)
            return penalty

        return self._once((state.penalty, allowed), masked)

    def bounds(self, state: TableState, allowed: Allowed | None, rows: Int8Rows) -> Bounds:
        """What rounding may take from the scores of each row."""
        penalty = self.penalty(state, allowed)

        def masked() -> Bounds:
            bound = np.where(penalty[0] < 0, np.float32(-np.inf), rows.bound)
            return Bounds(bound, bound.reshape(-1, BLOCK).max(axis=1))

        return self._once((penalty, rows), masked)

    def some_off(self, state: TableState, allowed: Allowed | None, items: int) -> bool:
        """Whether there is an item of the N that a table ranks which may not be recommended."""
        penalty = self.penalty(state, allowed)
        return self._once((penalty,), lambda: bool((penalty[0, :items] < 0).any()))

    def penalty_added(self, state: TableState, allowed: Allowed | None, mode: str) -> np.ndarray:
        """(1, A) float32, what is added to the scores of added items."""
        if mode == "ids":  # an added item has no ID that anybody chose
            return np.full_like(state.penalty_added, OFF)
        if allowed is None:
            return state.penalty_added
        penalty = np.full_like(state.penalty_added, OFF)
        shown = [slot for row, slot in state.slots.items() if row in allowed.added]
        penalty[:, shown] = state.penalty_added[:, shown]
        return penalty

    def _once(self, of: tuple[object, ...], make: Callable[[], _Made]) -> _Made:
        """What is made of these very objects; they are kept with it, so that no other object takes their place."""
        key = tuple(map(id, of))
        if key not in self._kept:
            self._kept[key] = of, make()
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        made: _Made = self._kept[key][1]
        return made
