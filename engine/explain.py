"""Why an item was recommended: which events of the history speak for it, and what of the item does.

Scores count from the catalogue's mean: what all items have in common says nothing about one of them.

Dimensions: L events, W width of a row of an item table, D width of an item's content vector.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molar.engine.bundle import PARTS, Manifest, map_tensors, part_tensors
from molar.engine.item_tables import ItemTables

SOURCES = ("picture", "text", "people")


@dataclass(frozen=True)
class Explanation:
    """Why one item.

    Attributes:
        score: how far it is above the mean of all items; 0 for a history that says nothing about it.
        history: (item id, contribution) of each event that was read, oldest first: what the score loses without it.
        sources: of `SOURCES` those that count -> what the item's picture, its text, and who else chose it bring to the
            score; their sum is the score. Empty where the bundle does not tell them apart.
    """

    score: float
    history: list[tuple[str, float]]
    sources: dict[str, float]


class ItemParts:
    """What picture and text bring to the vector of each item, around the mean of all.

    Args:
        folder: of the bundle.
        manifest: of the bundle.

    Attributes:
        known: whether picture and text are told apart.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._parts = map_tensors(folder / PARTS, part_tensors(manifest))
        self._means = {mode: self._parts[f"{mode}.mean"] for mode in manifest.modes}
        self._added: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._items = manifest.items
        self.known = manifest.content_dim > 0

    def add(self, row: int, both: np.ndarray, picture: np.ndarray | None, text: np.ndarray | None) -> None:
        """Remember an item that was added, given its (D,) vectors by both, by picture alone and by text alone.

        None stands for what it does not have.
        """
        nothing = self._parts["nothing"]
        seen, said = shapley(nothing, nothing if picture is None else picture, nothing if text is None else text, both)
        self._added[row] = seen - self._parts["picture.mean"], said - self._parts["text.mean"]

    def drop(self, rows: Collection[int]) -> None:
        """Forget items that were removed."""
        for row in rows:
            self._added.pop(row, None)

    def replace(self, tables: Mapping[str, np.ndarray]) -> None:
        """Take over the means of (N, W) tables by mode; what pictures and texts bring to them nobody knows."""
        self._means |= {mode: table.mean(axis=0) for mode, table in tables.items()}
        self.known = False

    def reasons(
        self, queries: Sequence[np.ndarray], row: int, vector: np.ndarray, mode: str
    ) -> tuple[float, list[float], dict[str, float]]:
        """Score of an item, what it loses without each event, and what each source brings to it.

        Args:
            queries: (W,) each, after the histories of `left_out`.
            row: of the item in the catalogue.
            vector: (W,) of the item.
            mode: that ranks.
        """
        score, *without = self.scores(np.stack(queries), vector, mode).tolist()
        return score, [score - other for other in without] or [score], self.sources(queries[0], row, vector, mode)

    def sources(self, query: np.ndarray, row: int, vector: np.ndarray, mode: str) -> dict[str, float]:
        """What each of `SOURCES` brings to a score, those that count in this mode.

        Args:
            query: (W,) of the person.
            row: of the item in the catalogue.
            vector: (W,) of the item.
            mode: that ranks.
        """
        score = float(self.scores(query, vector, mode))
        if mode == "ids":
            return {"people": score}
        if not self.known or (row >= self._items and row not in self._added):
            return {}
        picture, text = (float(query[: len(part)] @ part) for part in self._of(row))
        people = {} if mode == "content" else {"people": score - picture - text}
        return {"picture": picture, "text": text, **people}

    def comparable(
        self, row: int, tables: ItemTables
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray | float]]:
        """By which sources an item can be compared: the source, the item's vector, the table of all, and its mean.

        Args:
            row: of the item in the catalogue.
            tables: of the items.
        """
        if self.known and (row < self._items or row in self._added):
            for name, vector in zip(("picture", "text"), self._of(row), strict=True):
                yield name, vector, self._parts[name], 0.0
        if "ids" in self._means and row < self._items:
            table = tables.state.host["ids"][: self._items]
            yield "people", table[row], table, self._means["ids"]

    def scores(self, queries: np.ndarray, vector: np.ndarray, mode: str) -> np.ndarray:
        """The scores of an item by queries (..., W), counted from the mean of all."""
        return queries @ np.asarray(vector - self._means[mode])

    def _of(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        if row in self._added:
            return self._added[row]
        return self._parts["picture"][row].astype(np.float32), self._parts["text"][row].astype(np.float32)


def left_out(history: Sequence[int]) -> list[list[int]]:
    """A history, and then without each of its events, if it has more than one."""
    rows = list(history)
    return [rows, *(rows[:i] + rows[i + 1 :] for i in range(len(rows)) if len(rows) > 1)]


def shapley(
    nothing: np.ndarray, picture: np.ndarray, text: np.ndarray, both: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What picture and text each bring to vectors that were made of nothing, one, the other, and both.

    Each is counted once before and once after the other, and the mean taken (Shapley, 1953), so that their sum is what
    both together bring.
    """
    return ((picture - nothing) + (both - text)) / 2, ((text - nothing) + (both - picture)) / 2
