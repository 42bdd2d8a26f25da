"""`Recommender`: a bundle, ready to answer."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from molar.engine import bundle as bundles
from molar.engine.batching import Batcher
from molar.engine.catalog import Catalog
from molar.engine.catalog_item import Allowed, CatalogItem, Where
from molar.engine.errors import RequestError
from molar.engine.explain import Explanation, ItemParts, left_out
from molar.engine.item_encoder import ItemEncoder, NewItem
from molar.engine.ranker import Ranked, Ranker, RankRequest
from molar.engine.recommendation import Recommendation

MAX_K = 1000


class Recommender:
    """Recommendations from a bundle, opened with `load`; safe to call from many threads.

    Attributes:
        manifest: the bundle's facts.
        catalog: its items.
        device: "cuda" or "cpu", where the graph really runs.
        precision: of the item tables there: "fp32", "fp16" or "int8".
        modes: the ways of ranking, the default first.
    """

    def __init__(
        self, folder: Path, manifest: bundles.Manifest, device: str, precision: str = "auto", wait_ms: float = 0.0
    ) -> None:
        self.manifest = manifest
        self.catalog = Catalog(folder / bundles.CATALOG)
        self.modes = tuple(manifest.modes)
        self._ranker = Ranker(folder, manifest, device, precision)
        self.device, self.precision = self._ranker.device, self._ranker.precision
        self._batched = Batcher[RankRequest, Ranked](self._ranker, lambda r: r.mode, self._ranker.largest, wait_ms)
        self._parts = ItemParts(folder, manifest)
        self._changing = threading.Lock()
        self._folder = folder
        self._encoder: ItemEncoder | None = None
        self.rank([[0]], 1)  # the first run plans its memory and reads the tables

    @classmethod
    def load(
        cls, folder: Path | str, device: str = "auto", precision: str = "auto", wait_ms: float = 0.0
    ) -> "Recommender":
        """Verify and open a bundle.

        Args:
            folder: made by `molar export`.
            device: "auto" (a GPU if there is one), "cuda" or "cpu".
            precision: of the item tables: "auto" (float16 on a GPU; on a CPU 8 bits where the bundle has them, with the
                answers of float32), "fp32", "fp16" or "int8".
            wait_ms: how long a run that is not full waits for more calls to share it. A call that finds nothing running
                runs at once if 0, and what arrives meanwhile runs together next.

        Raises:
            BundleError: a file of the bundle is missing, changed, or newer than this code.
            RequestError: the device or the precision cannot be had.
        """
        return cls(Path(folder), bundles.open_bundle(folder), device, precision, wait_ms)

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
        if not 1 <= k <= MAX_K:
            raise RequestError(f"k is {k}; it must be 1 to {MAX_K}")
        mode = mode or self.modes[0]
        if mode not in self.modes:
            raise RequestError(f"no mode {mode!r}; this bundle has {', '.join(self.modes)}")
        return self._batched(
            [RankRequest(rows, k, mode, (*(rows if exclude_seen else ()), *exclude), allowed) for rows in histories]
        )

    def explain(self, history: Sequence[str], item_id: str, mode: str | None = None) -> Explanation:
        """Why an item is recommended after a history, or is not.

        Args:
            history: as in `recommend`.
            item_id: the item that is asked about.
            mode: as in `recommend`.

        Raises:
            RequestError: as in `recommend`.
        """
        rows, row = self._history_rows(history)[-self.manifest.max_history :], self.catalog.rows([item_id])[0]
        mode = mode or self.modes[0]
        queries = [ranked.query for ranked in self.rank(left_out(rows), 1, mode=mode)]
        score, losses, sources = self._parts.reasons(queries, row, self._ranker.tables.vector(mode, row), mode)
        return Explanation(score, list(zip(history[-len(rows) :], losses, strict=True)), sources)

    def embed(self, items: Sequence[NewItem]) -> np.ndarray:
        """Content vectors (B, D) of pictures and texts that need not be in the catalogue.

        Raises:
            RequestError: this bundle has no item encoder, or an item is empty.
            DatasetError: a picture cannot be read.
        """
        return self._item_encoder().embed(items)

    def add_item(
        self,
        item_id: str,
        title: str = "",
        description: str = "",
        attributes: Mapping[str, str | Sequence[str]] | None = None,
        image: Path | str | bytes | Image.Image | None = None,
    ) -> CatalogItem:
        """Add an item for as long as this object lives: the next call recommends it, and takes it in a history.

        Args:
            item_id: a new name.
            title: one line; the id stands in its place where there is none.
            description: any length.
            attributes: name -> value or values, as the catalogue has them.
            image: a path, the bytes of a file, or an open picture.

        Raises:
            RequestError: the id is taken, the item is empty, or this bundle has no item encoder.
            DatasetError: the picture cannot be read.
        """
        new = NewItem(title, description, attributes or {}, image)
        read = self._item_encoder().read(new, apart=self._parts.known)
        width = self.manifest.dim
        nothing = np.zeros(width, np.float32)
        whole = np.concatenate([read.vector, nothing[len(read.vector) :]])  # nobody has chosen it yet
        vectors = {mode: nothing if mode == "ids" else whole for mode in self.modes}
        with self._changing:
            row = self._free_row(item_id)
            values = new.attribute_values()
            item = CatalogItem(row, item_id, title or item_id, description, 0, values, read.thumbnail)
            if self._parts.known:
                self._parts.add(row, read.vector, read.by_picture, read.by_text)
            # First the row, then the name: whoever can name the item finds its row.
            self._ranker.tables.append(row, item_id, vectors)
            self.catalog.add(item)
        return item

    def add_vectors(self, item_id: str, vectors: Mapping[str, np.ndarray], title: str = "") -> CatalogItem:
        """Add an item whose vectors are known already; otherwise as `add_item`.

        Args:
            item_id: a new name.
            vectors: mode -> (W,) float32, for every mode.
            title: one line; the id stands in its place where there is none.

        Raises:
            RequestError: the id is taken, a mode is missing, or a vector has another shape.
        """
        for mode in self.modes:
            if mode not in vectors or vectors[mode].shape != (self.manifest.dim,):
                raise RequestError(f"an item needs a vector of {self.manifest.dim} numbers in each of {self.modes}")
        with self._changing:
            row = self._free_row(item_id)
            item = CatalogItem(row, item_id, title or item_id)
            self._ranker.tables.append(row, item_id, vectors)
            self.catalog.add(item)
        return item

    def hide_items(self, item_ids: Sequence[str]) -> None:
        """Recommend these items no more, from the next call on; a history may still hold them.

        Raises:
            RequestError: an id is not in the catalogue.
        """
        self._ranker.tables.switch(off=self.catalog.rows(item_ids))

    def show_items(self, item_ids: Sequence[str]) -> None:
        """Recommend hidden items again, from the next call on.

        Raises:
            RequestError: an id is not in the catalogue.
        """
        self._ranker.tables.switch(on=self.catalog.rows(item_ids))

    def remove_items(self, item_ids: Sequence[str]) -> None:
        """Take items out of the catalogue for as long as this object lives: no list, search or history has them.

        Raises:
            RequestError: an id is not in the catalogue.
        """
        with self._changing:
            rows = self.catalog.rows(item_ids)
            self.catalog.remove(item_ids)
            self._ranker.tables.drop(rows)
            self._parts.drop(rows)

    def replace_tables(self, tables: Mapping[str, np.ndarray]) -> None:
        """Rank by other vectors of the same items from the next call on, for example after a new training.

        Args:
            tables: mode -> (N, W) float32.

        Raises:
            RequestError: a mode is unknown, or a table has another shape or type.
        """
        with self._changing:
            self._ranker.tables.put(tables)
            self._parts.replace(tables)

    def vectors(self, mode: str | None = None) -> np.ndarray:
        """(N, W) float32 of the bundle's items in a mode, the default one if none is named; to be read only."""
        return self._ranker.tables.state.host[mode or self.modes[0]][: self.manifest.items]

    @property
    def repeated(self) -> int:
        """How many requests were answered again in float32, because 8 bits had left the answer open."""
        return self._ranker.repeated

    def _named(self, ranked: Ranked) -> list[Recommendation]:
        ids, added = self.catalog.item_ids, ranked.added_ids
        return [
            Recommendation(ids[row] if row < len(ids) else added[row], score, row)
            for row, score in zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True)
        ]

    def _free_row(self, item_id: str) -> int:
        if not item_id:
            raise RequestError("the item has no item_id")
        if item_id in self.catalog:
            raise RequestError(f"{item_id!r} is in the catalogue already; choose another item_id")
        return self.catalog.next_row

    def _item_encoder(self) -> ItemEncoder:
        with self._changing:
            self._encoder = self._encoder or ItemEncoder.of_bundle(self._folder, self.manifest, self.device)
        return self._encoder

    def _history_rows(self, history: Sequence[str]) -> list[int]:
        if isinstance(history, str):
            raise RequestError(f"the history is the text {history!r}; give a list of item ids")
        if not history:
            raise RequestError("the history is empty; give at least one item id")
        return self.catalog.rows(history)
