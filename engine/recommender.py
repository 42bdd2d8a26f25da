"""`Recommender`: a bundle, ready to answer."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from molar.engine import bundle as bundles
from molar.engine.batching import Batcher
from molar.engine.catalog import Catalog
from molar.engine.catalog_item import CatalogItem, Where
from molar.engine.errors import RequestError
from molar.engine.explain import Explanation, ItemParts
from molar.engine.images import thumbnail_bytes
from molar.engine.item_encoder import ItemEncoder, NewItem
from molar.engine.ranker import Ranked, Ranker, RankRequest

MAX_K = 1000
_THUMBNAIL = 256  # pixels


@dataclass(frozen=True)
class Recommendation:
    """An item of a ranked list.

    Attributes:
        item_id: its name outside of Molar.
        score: higher is better; comparable within one list.
        row: its line in the item tables.
    """

    item_id: str
    score: float
    row: int


class Recommender:
    """Recommendations from a bundle; safe to call from many threads.

    Use `Recommender.load`.

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
    ) -> list[Recommendation]:
        """The k best items for a person, best first; fewer where the filter leaves fewer.

        Args:
            history: item ids, oldest first; the last `manifest.max_history` are read.
            k: 1 to 1,000.
            where: attribute -> value or values that an item must have one of.
            mode: "aligned" (the default), "content" or "ids".
            exclude_seen: leave out items of the history.

        Raises:
            RequestError: an id, attribute, value or mode is unknown; the history is empty; k is out of range.
        """
        return self.recommend_batch([history], k, where, mode, exclude_seen)[0]

    def recommend_batch(
        self,
        histories: Sequence[Sequence[str]],
        k: int = 10,
        where: Where | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
    ) -> list[list[Recommendation]]:
        """`recommend` for several people in one run of the graph; the arguments are the same for all."""
        rows = [self._history_rows(history) for history in histories]
        allowed = self.catalog.allowed(where) if where else None
        ids = self.catalog.item_ids
        return [
            [Recommendation(ids[row], float(score), int(row)) for row, score in zip(found, scores, strict=True)]
            for found, scores, _ in self.rank(rows, k, allowed, mode, exclude_seen)
        ]

    def rank(
        self,
        histories: Sequence[Sequence[int]],
        k: int,
        allowed: np.ndarray | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
    ) -> list[Ranked]:
        """`recommend_batch` on rows instead of ids.

        Args:
            histories: rows, oldest first; none empty.
            k: how many to return of each.
            allowed: (N,) bool; items that were added meanwhile are not allowed. All are where None.
            mode: as in `recommend`.
            exclude_seen: leave out rows of the history, also those too old to be read.

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
        return self._batched([RankRequest(rows, k, mode, rows if exclude_seen else (), allowed) for rows in histories])

    def explain(self, history: Sequence[str], item_id: str, mode: str | None = None) -> Explanation:
        """Why an item is recommended after a history, or is not.

        Args:
            history: as in `recommend`.
            item_id: the item that is asked about.
            mode: as in `recommend`.

        Raises:
            RequestError: as in `recommend`.
        """
        rows = self._history_rows(history)[-self.manifest.max_history :]
        row = self.catalog.rows([item_id])[0]
        mode = mode or self.modes[0]
        # Each event left out once, all in one run.
        shorter = [rows[:i] + rows[i + 1 :] for i in range(len(rows))] if len(rows) > 1 else []
        query, *without = (ranked.query for ranked in self.rank([rows, *shorter], 1, mode=mode))
        vector = self._ranker.tables.vector(mode, row)
        score = self._parts.score(query, vector, mode)
        losses = [score - self._parts.score(other, vector, mode) for other in without] or [score]
        named = list(zip(history[-len(rows) :], losses, strict=True))
        return Explanation(score, named, self._parts.sources(query, row, vector, mode))

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
        if not item_id:
            raise RequestError("the item has no item_id")
        new = NewItem(title, description, attributes or {}, image)
        picture = new.picture()
        shown = [replace(new, image=picture)]
        if self._parts.known and picture and (title or description):  # what each of the two brings
            shown += [NewItem(image=picture), replace(new, image=None)]
        vector, *alone = self.embed(shown)
        thumbnail = thumbnail_bytes(picture, _THUMBNAIL) if picture else None
        with self._changing:
            if item_id in self.catalog:
                raise RequestError(f"{item_id!r} is in the catalogue already; choose another item_id")
            row = len(self.catalog)
            item = CatalogItem(row, item_id, title or item_id, description, 0, new.attribute_values(), thumbnail)
            width = self.manifest.dim
            padded = np.concatenate([vector, np.zeros(width - len(vector), np.float32)])  # nobody has chosen it yet
            nothing = np.zeros(width, np.float32)
            if self._parts.known:
                seen, said = alone or ((vector, None) if picture else (None, vector))
                self._parts.add(row, vector, seen, said)
            # First the row, then the name: whoever can name the item finds its row.
            self._ranker.tables.append({mode: nothing if mode == "ids" else padded for mode in self.modes})
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
            self._ranker.tables.switch(off=self.catalog.rows(item_ids))
            self.catalog.remove(item_ids)

    def replace_tables(self, tables: Mapping[str, np.ndarray]) -> None:
        """Rank by other vectors of the same items from the next call on, for example after a new training.

        Args:
            tables: mode -> (N, W) float32.

        Raises:
            RequestError: a mode is unknown, or a table has another shape or type.
        """
        wanted = self.manifest.items, self.manifest.dim
        for mode, table in tables.items():
            if mode not in self.modes:
                raise RequestError(f"no mode {mode!r}; this bundle has {', '.join(self.modes)}")
            if table.shape != wanted or table.dtype != np.float32:
                raise RequestError(f"table {mode}: {table.dtype} {table.shape}; it must be float32 {wanted}")
        with self._changing:
            self._ranker.tables.put(tables)
            self._parts.replace(tables)

    def _item_encoder(self) -> ItemEncoder:
        with self._changing:
            if self._encoder is None:
                facts = self.manifest.item_encoder
                if facts is None:
                    raise RequestError("this bundle has no item encoder; export it again with --item-encoder")
                self._encoder = ItemEncoder(
                    self._folder / bundles.ITEM_ENCODER,
                    self._folder / bundles.TOKENIZER,
                    facts["preprocessing"],
                    self.device,
                )
        return self._encoder

    def _history_rows(self, history: Sequence[str]) -> list[int]:
        if isinstance(history, str):
            raise RequestError(f"the history is the text {history!r}; give a list of item ids")
        if not history:
            raise RequestError("the history is empty; give at least one item id")
        return self.catalog.rows(history)
