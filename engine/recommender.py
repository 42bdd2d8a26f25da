"""`Recommender`: a bundle, ready to answer."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from molar.engine import bundle as bundles
from molar.engine.batching import Batcher
from molar.engine.catalog import Catalog
from molar.engine.catalog_changes import CatalogChanges
from molar.engine.catalog_item import Allowed, Where
from molar.engine.errors import RequestError
from molar.engine.explain import Explanation, left_out
from molar.engine.index import open_index
from molar.engine.index.index_ranker import IndexRanker
from molar.engine.ranker import Ranked, Ranker, RankRequest
from molar.engine.recommendation import Recommendation
from molar.engine.similar import nearest

MAX_K = 1000


class Recommender(CatalogChanges):
    """Recommendations from a bundle, opened with `load`; safe to call from many threads.

    Attributes:
        manifest: the bundle's facts.
        catalog: its items.
        device: "cuda" or "cpu", where the graph really runs.
        precision: of the item tables there: "fp32", "fp16" or "int8".
        modes: the ways of ranking, the default first.
    """

    def __init__(
        self,
        folder: Path,
        manifest: bundles.Manifest,
        device: str,
        precision: str = "auto",
        wait_ms: float = 0.0,
        index: str | None = None,
    ) -> None:
        ranker: Ranker | IndexRanker
        with ThreadPoolExecutor(1) as pool:  # a million ids take as long as their table
            opening = pool.submit(Catalog, folder / bundles.CATALOG)
            if index is None:
                ranker = Ranker(folder, manifest, device, precision)
            else:
                ranker = IndexRanker(folder, manifest, device, opening.result(), open_index(index, manifest))
            # The first run plans its memory and reads the tables.
            ranker([RankRequest([0], 1, manifest.modes[0])])
            catalog = opening.result()
        super().__init__(folder, manifest, ranker.device, ranker.tables, catalog)
        self._ranker = ranker
        self.precision = ranker.precision
        self._batched = Batcher[RankRequest, Ranked](ranker, lambda r: r.mode, ranker.largest, wait_ms)

    @classmethod
    def load(
        cls,
        folder: Path | str,
        device: str = "auto",
        precision: str = "auto",
        wait_ms: float = 0.0,
        index: str | None = None,
    ) -> "Recommender":
        """Verify and open a bundle.

        Args:
            folder: made by `molar export`.
            device: "auto" (a GPU if there is one), "cuda" or "cpu".
            precision: of the item tables: "auto" (float16 on a GPU; on a CPU 8 bits where the bundle has them, with the
                answers of float32), "fp32", "fp16" or "int8".
            wait_ms: how long a run that is not full waits for more calls to share it. A call that finds nothing running
                runs at once if 0, and what arrives meanwhile runs together next.
            index: address of an index that `molar index push` filled, see `molar.engine.index`: it finds candidates,
                which are scored here, and the item tables stay in their file. `precision` has no say then.

        Raises:
            BundleError: a file of the bundle is missing, changed, or newer than this code.
            RequestError: the device, the precision or the index's client cannot be had.
            UnavailableError: the index does not answer, or does not hold this bundle.
        """
        return cls(Path(folder), bundles.open_bundle(folder), device, precision, wait_ms, index)

    def recommend(
        self,
        history: Sequence[str],
        k: int = 10,
        where: Where | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
        exclude: Sequence[str] = (),
    ) -> list[Recommendation]:
        """The k best items for a person, best first; fewer where the filter leaves fewer.

        Args:
            history: item ids, oldest first; the last `manifest.max_history` are read.
            k: 1 to 1,000.
            where: attribute -> value or values that an item must have one of.
            mode: "aligned" (the default), "content" or "ids".
            exclude_seen: leave out items of the history.
            exclude: items to leave out besides.

        Raises:
            RequestError: an id, attribute, value or mode is unknown; the history is empty; k is out of range.
        """
        return self.recommend_batch([history], k, where, mode, exclude_seen, exclude)[0]

    def recommend_batch(
        self,
        histories: Sequence[Sequence[str]],
        k: int = 10,
        where: Where | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
        exclude: Sequence[str] = (),
    ) -> list[list[Recommendation]]:
        """`recommend` for several people in one run of the graph; the arguments are the same for all."""
        rows, besides = [self._history_rows(history) for history in histories], self.catalog.rows(exclude)
        allowed = self.catalog.allowed(where) if where else None
        return [self._named(ranked) for ranked in self.rank(rows, k, allowed, mode, exclude_seen, besides)]

    def request(
        self,
        history: Sequence[str],
        k: int = 10,
        where: Where | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
        exclude: Sequence[str] = (),
    ) -> RankRequest:
        """What `recommend` is asked, checked: for a server that puts together what several people ask at once.

        Arguments and errors are those of `recommend`.
        """
        besides, allowed = self.catalog.rows(exclude), self.catalog.allowed(where) if where else None
        return self._request(self._history_rows(history), k, allowed, mode, exclude_seen, besides)

    def answer(self, requests: Sequence[RankRequest]) -> list[list[Recommendation]]:
        """What `recommend` answers to each; as many as fit run together."""
        return [self._named(ranked) for ranked in self._batched(requests)]

    def rank(
        self,
        histories: Sequence[Sequence[int]],
        k: int,
        allowed: Allowed | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
        exclude: Sequence[int] = (),
    ) -> list[Ranked]:
        """`recommend_batch` on rows instead of ids.

        Args:
            histories: rows, oldest first; none empty.
            k: how many to return of each.
            allowed: only these items; None allows all.
            mode: as in `recommend`.
            exclude_seen: leave out rows of the history, also those too old to be read.
            exclude: rows to leave out besides.

        Returns:
            Rows, scores and the person's vector for each history.

        Raises:
            RequestError: the mode is unknown, or k out of range.
        """
        return self._batched([self._request(rows, k, allowed, mode, exclude_seen, exclude) for rows in histories])

    def explain(self, history: Sequence[str], item_id: str, mode: str | None = None) -> Explanation:
        """Why an item is recommended after a history, or is not.

        Args:
            history: as in `recommend`.
            item_id: the item that is asked about.
            mode: as in `recommend`.

        Raises:
            RequestError: as in `recommend`.
        """
        return self.explain_all(history, [item_id], mode)[0]

    def explain_all(
        self, history: Sequence[str], item_ids: Sequence[str], mode: str | None = None
    ) -> list[Explanation]:
        """`explain` for several items after one history, which costs little more than for one."""
        rows, asked = self._history_rows(history)[-self.manifest.max_history :], self.catalog.rows(item_ids)
        mode = mode or self.modes[0]
        queries = [ranked.query for ranked in self.rank(left_out(rows), 1, mode=mode)]
        explanations = []
        for row in asked:
            score, losses, sources = self._parts.reasons(queries, row, self._tables.vector(mode, row), mode)
            causes = list(zip(history[-len(rows) :], losses, strict=True))
            explanations.append(Explanation(score, causes, sources))
        return explanations

    def similar(self, item_id: str, k: int = 10) -> dict[str, list[Recommendation]]:
        """The items that are most like one, by each of `explain.SOURCES` that the bundle tells apart.

        Args:
            item_id: an item of the catalogue, or one that was added.
            k: how many at most.

        Returns:
            "picture": those that look like it; "text": of which the same is said; "people": that the same people chose.
            A list is empty where nothing is known of the item; scores are cosines.

        Raises:
            RequestError: there is no such item.
        """
        row = self.catalog.rows([item_id])[0]
        without = np.flatnonzero(self._tables.state.penalty[0, : self.manifest.items] < 0).tolist()
        without += [row] if row < self.manifest.items else []
        found = {}
        for source, vector, table, mean in self._parts.comparable(row, self._tables):
            rows, cosines = nearest(vector, table, mean, k, without)
            named = zip(rows.tolist(), cosines.tolist(), strict=True)
            found[source] = [Recommendation(self.catalog.item_ids[near], cosine, near) for near, cosine in named]
        return found

    def vectors(self, mode: str | None = None) -> np.ndarray:
        """(N, W) float32 of the bundle's items in a mode, the default one if none is named; to be read only."""
        return self._tables.state.host[mode or self.modes[0]][: self.manifest.items]

    @property
    def repeated(self) -> int:
        """How many requests were answered again in float32, because 8 bits had left the answer open."""
        return self._ranker.repeated

    def _request(
        self,
        rows: Sequence[int],
        k: int,
        allowed: Allowed | None,
        mode: str | None,
        exclude_seen: bool,
        exclude: Sequence[int],
    ) -> RankRequest:
        if not 1 <= k <= MAX_K:
            raise RequestError(f"k is {k}; it must be 1 to {MAX_K}")
        mode = mode or self.modes[0]
        if mode not in self.modes:
            raise RequestError(f"no mode {mode!r}; this bundle has {', '.join(self.modes)}")
        return RankRequest(rows, k, mode, (*(rows if exclude_seen else ()), *exclude), allowed)

    def _named(self, ranked: Ranked) -> list[Recommendation]:
        ids, added = self.catalog.item_ids, ranked.added_ids
        return [
            Recommendation(ids[row] if row < len(ids) else added[row], score, row)
            for row, score in zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True)
        ]

    def _history_rows(self, history: Sequence[str]) -> list[int]:
        if isinstance(history, str):
            raise RequestError(f"the history is the text {history!r}; give a list of item ids")
        if not history:
            raise RequestError("the history is empty; give at least one item id")
        return self.catalog.rows(history)
