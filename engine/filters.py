"""Which rows the graph may return, as it wants to be told: computed once for a filter that many requests share.

Dimensions: N items of the bundle, P rows of a table, A slots for added items.
"""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from molar.engine.catalog_item import Allowed
from molar.engine.int8_rows import Int8Rows
from molar.engine.item_tables import OFF, TableState

_KEPT = 16  # of them 4 MB each for a million items


class Filters:
    """Masks of filters, the last ones kept; for one thread at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], tuple[tuple[object, ...], np.ndarray]] = OrderedDict()

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

    def bound(self, state: TableState, allowed: Allowed | None, rows: Int8Rows) -> np.ndarray:
        """(P,) float32, bounds of 8-bit rows, minus infinity for rows that are not allowed."""
        penalty = self.penalty(state, allowed)
        return self._once((penalty, rows), lambda: np.where(penalty[0] < 0, np.float32(-np.inf), rows.bound))

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

    def _once(self, of: tuple[object, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
        """What is made of these very objects; they are kept with it, so that no other object takes their place."""
        key = tuple(map(id, of))
        if key not in self._kept:
            self._kept[key] = of, make()
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key][1]
