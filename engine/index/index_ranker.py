"""Ranks with the help of an item index: it finds candidates, which are scored exactly here.

Only the rows of histories and candidates are read of the tables, which stay in their file. Items that were added since
the bundle was opened are scored here, and the search leaves hidden ones out.

Dimensions: B requests, P rows of a table, A slots for added items, W width of a row.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from molar.engine import bundle as bundles
from molar.engine.catalog import Catalog
from molar.engine.errors import UnavailableError
from molar.engine.filters import Filters
from molar.engine.histories import PADDING, pad_left, pad_right
from molar.engine.index.item_index import ItemIndex, Near, fill, label
from molar.engine.item_tables import OFF, ItemTables, TableState
from molar.engine.ranker import Ranked, RankRequest
from molar.engine.runtime import open_session

_SPARE = 32  # candidates more than are asked for, and at least as many again: an index orders them as it can
_MOST_REQUESTS = 64


class _IndexedTables(ItemTables):
    """Tables whose exchange an index is told of."""

    def __init__(self, tables: Mapping[str, np.ndarray], catalog: Catalog, index: ItemIndex) -> None:
        super().__init__(tables, len(catalog.item_ids), "cpu")
        self._catalog = catalog
        self._index = index

    def put(self, tables: Mapping[str, np.ndarray]) -> None:
        super().put(tables)
        fill(self._index, self.state.host, self._catalog)


class IndexRanker:
    """Takes the place of `Ranker` where the item tables are searched in an index.

    Args:
        folder: of the bundle.
        manifest: of the bundle.
        device: "auto", "cuda" or "cpu", where the user encoder runs.
        catalog: of the bundle.
        index: that holds its items.

    Attributes:
        device: "cuda" or "cpu", where the user encoder really runs.
        precision: "fp32".
        tables: of the items, in their file.
        largest: how many requests may run together.
        repeated: 0; no answer is left open.

    Raises:
        UnavailableError: the index does not hold every item.
    """

    precision = "fp32"
    repeated = 0
    largest = _MOST_REQUESTS

    def __init__(
        self, folder: Path, manifest: bundles.Manifest, device: str, catalog: Catalog, index: ItemIndex
    ) -> None:
        if len(index) != manifest.items:
            raise UnavailableError(
                f"the index holds {len(index)} of this bundle's {manifest.items} items; run: molar index push"
            )
        opened = open_session(folder / bundles.GRAPHS["fp32"], device)
        self.device = opened.device
        self._session = opened.session
        self._max_history = manifest.max_history
        self._index = index
        self._filters = Filters()
        tables = bundles.map_tensors(folder / bundles.TABLES, bundles.table_tensors(manifest))
        self.tables = _IndexedTables(tables, catalog, index)
        self._hidden: tuple[np.ndarray, list[int]] = self.tables.state.penalty, []

    def __call__(self, requests: Sequence[RankRequest]) -> list[Ranked]:
        """Rank for requests of one mode, in one search."""
        state, mode = self.tables.state, requests[0].mode
        queries = self._queries(state, requests)
        hidden = self._hidden_rows(state)
        wanted = [
            Near(
                query,
                request.k + max(_SPARE, request.k),
                sorted({row for row in request.excluded if row < self.tables.items}.union(hidden)),
                [[label(name, value) for value in values] for name, values in request.allowed.where]
                if request.allowed
                else [],
            )
            for query, request in zip(queries, requests, strict=True)
        ]
        found = self._index.nearest(mode, wanted)
        return [
            self._exactly(state, request, query, rows)
            for request, query, rows in zip(requests, queries, found, strict=True)
        ]

    def _queries(self, state: TableState, requests: Sequence[RankRequest]) -> np.ndarray:
        """(B, W) of the people: the graph runs on a table of their histories alone."""
        mode = requests[0].mode
        histories = [self.tables.graph_rows(request.history, state) for request in requests]
        used = sorted({row for rows in histories for row in rows[-self._max_history :]})
        place = {row: number for number, row in enumerate(used)}
        table = np.zeros((bundles.padded_rows(max(1, len(used))), state.added[mode].shape[1]), np.float32)
        rows = np.array(used, dtype=np.int64)
        stored = rows < self.tables.rows
        table[: len(used)][stored] = state.host[mode][rows[stored]]
        table[: len(used)][~stored] = state.added[mode][rows[~stored] - self.tables.rows]
        # A history whose items are all gone reads as one of no events.
        numbered = [[place[row] for row in rows[-self._max_history :]] or [PADDING] for rows in histories]
        feed = {
            "history": pad_left(numbered, self._max_history),
            "table": table,
            "added": np.zeros((1, table.shape[1]), np.float32),
            "excluded": pad_right([[] for _ in requests]),
            "penalty": np.zeros((1, len(table)), np.float32),
            "penalty_added": np.zeros((1, 1), np.float32),
            "k": np.array([1]),
        }
        [queries] = self._session.run(["query"], feed)
        return np.asarray(queries)

    def _exactly(self, state: TableState, request: RankRequest, query: np.ndarray, rows: np.ndarray) -> Ranked:
        """The best of what the index found and of the added items."""
        added = state.added[request.mode] @ query
        added += self._filters.penalty_added(state, request.allowed, request.mode)[0]
        added[[state.slots[row] for row in request.excluded if row in state.slots]] = OFF
        slots = np.arange(len(added))
        scores = np.concatenate([state.host[request.mode][rows] @ query, added])
        everything = self.tables.catalog_rows(np.concatenate([rows, self.tables.rows + slots]), state)
        best = np.argsort(-scores, kind="stable")[: request.k]
        best = best[scores[best] > bundles.NOT_ALLOWED]
        return Ranked(everything[best], scores[best], query, state.added_ids)

    def _hidden_rows(self, state: TableState) -> list[int]:
        if self._hidden[0] is not state.penalty:
            self._hidden = state.penalty, np.flatnonzero(state.penalty[0, : self.tables.items] < 0).tolist()
        return self._hidden[1]
