"""`Recommender`: a bundle, ready to answer."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from molar.engine import bundle as bundles
from molar.engine.catalog import Catalog
from molar.engine.catalog_item import CatalogItem, Where
from molar.engine.errors import RequestError
from molar.engine.histories import pad_left, pad_right
from molar.engine.images import thumbnail_bytes
from molar.engine.item_encoder import ItemEncoder, NewItem
from molar.engine.item_table import ItemTable
from molar.engine.runtime import open_session

MAX_K = 1000
_THUMBNAIL = 256  # pixels
_HIDDEN = -1e8  # the graph takes 1e9 off the score of an item that may not be recommended


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
        modes: the ways of ranking, the default first.
    """

    def __init__(self, folder: Path, manifest: bundles.Manifest, device: str) -> None:
        self.manifest = manifest
        self.catalog = Catalog(folder / bundles.CATALOG)
        self.modes = tuple(manifest.modes)
        opened = open_session(folder / bundles.GRAPH, device)
        self.device = opened.device
        self._session = opened.session
        tables = bundles.map_tables(folder / bundles.TABLES)
        # On a CPU the table is the memory map itself; on a GPU it is copied there once.
        self._table = ItemTable({mode: tables[mode] for mode in self.modes}, self.device)
        self._adding = threading.Lock()
        self._folder = folder
        self._encoder: ItemEncoder | None = None

    @classmethod
    def load(cls, folder: Path | str, device: str = "auto") -> "Recommender":
        """Verify and open a bundle.

        Args:
            folder: made by `molar export`.
            device: "auto" (a GPU if there is one), "cuda" or "cpu".

        Raises:
            BundleError: a file of the bundle is missing, changed, or newer than this code.
            RequestError: the device cannot be had.
        """
        return cls(Path(folder), bundles.open_bundle(folder), device)

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
        if not histories:
            return []
        rows = [self._history_rows(history) for history in histories]
        allowed = self.catalog.allowed(where)
        found, scores = self.run(rows, k, allowed, mode, exclude_seen)
        ids = self.catalog.item_ids
        return [
            [
                Recommendation(ids[row], float(score), int(row))
                for row, score in zip(*line, strict=True)
                if score > _HIDDEN
            ]
            for line in zip(found, scores, strict=True)
        ]

    def run(
        self,
        histories: Sequence[Sequence[int]],
        k: int,
        allowed: np.ndarray,
        mode: str | None = None,
        exclude_seen: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run the graph on rows instead of ids.

        Args:
            histories: B histories of rows, none empty, oldest first.
            k: how many to return.
            allowed: (N,) bool; items that were added meanwhile are not allowed.
            mode: as in `recommend`.
            exclude_seen: leave out rows of the history, also those too old to be read.

        Returns:
            rows: (B, K) int64, K = min(k, number of items); items that may not be recommended come last.
            scores: (B, K) float32, below -1e8 for those.
        """
        if not 1 <= k <= MAX_K:
            raise RequestError(f"k is {k}; it must be 1 to {MAX_K}")
        mode = mode or self.modes[0]
        if mode not in self.modes:
            raise RequestError(f"no mode {mode!r}; this bundle has {', '.join(self.modes)}")
        table = self._table.snapshot
        if mode == "ids":  # an added item has no ID that anybody chose
            allowed = allowed[: self.manifest.items]
        room = np.zeros(table.capacity, dtype=bool)
        room[: len(allowed)] = allowed
        excluded = pad_right(histories if exclude_seen else [[]] * len(histories))
        binding = self._session.io_binding()
        binding.bind_cpu_input("history", pad_left(histories, self.manifest.max_history))
        binding.bind_ortvalue_input("table", table.values[mode])
        binding.bind_cpu_input("excluded", excluded)
        binding.bind_cpu_input("allowed", room)
        binding.bind_cpu_input("k", np.array([min(k, table.items)], dtype=np.int64))
        binding.bind_output("rows")
        binding.bind_output("scores")
        self._session.run_with_iobinding(binding)
        rows, scores = binding.copy_outputs_to_cpu()
        return rows, scores

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
        vector = self.embed([replace(new, image=picture)])[0]
        thumbnail = thumbnail_bytes(picture, _THUMBNAIL) if picture else None
        with self._adding:
            if item_id in self.catalog:
                raise RequestError(f"{item_id!r} is in the catalogue already; choose another item_id")
            row = len(self.catalog)
            item = CatalogItem(row, item_id, title or item_id, description, 0, new.attribute_values(), thumbnail)
            width = self.manifest.dim
            padded = np.concatenate([vector, np.zeros(width - len(vector), np.float32)])  # nobody has chosen it yet
            nothing = np.zeros(width, np.float32)
            # First the row, then the name: whoever can name the item finds its row.
            self._table.append({mode: nothing if mode == "ids" else padded for mode in self.modes})
            self.catalog.add(item)
        return item

    def _item_encoder(self) -> ItemEncoder:
        with self._adding:
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
