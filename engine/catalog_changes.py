"""What changes the catalogue of a running engine: items that are added, hidden, removed; tables that are exchanged."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from molar.engine.bundle import Manifest
from molar.engine.catalog import Catalog
from molar.engine.catalog_item import CatalogItem
from molar.engine.errors import RequestError
from molar.engine.explain import ItemParts
from molar.engine.item_encoder import ItemEncoder, NewItem
from molar.engine.item_tables import ItemTables


class CatalogChanges:
    """A bundle's catalogue and tables, which can be changed from many threads while they are used.

    Args:
        folder: of the bundle.
        manifest: of the bundle.
        device: "cuda" or "cpu", where graphs run.
        tables: of the items.
        catalog: of the items.

    Attributes:
        manifest: the bundle's facts.
        catalog: its items.
        device: where graphs run.
        modes: the ways of ranking, the default first.
    """

    def __init__(self, folder: Path, manifest: Manifest, device: str, tables: ItemTables, catalog: Catalog) -> None:
        self.manifest = manifest
        self.catalog = catalog
        self.device = device
        self.modes = tuple(manifest.modes)
        self._folder = folder
        self._tables = tables
        self._parts = ItemParts(folder, manifest)
        self._changing = threading.Lock()
        self._encoder: ItemEncoder | None = None

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
        listed: bool = True,
    ) -> CatalogItem:
        """Add an item for as long as this object lives: the next call recommends it, and takes it in a history.

        Args:
            item_id: a new name.
            title: one line; the id stands in its place where there is none.
            description: any length.
            attributes: name -> value or values, as the catalogue has them.
            image: a path, the bytes of a file, or an open picture.
            listed: recommend it and let searches find it; else only those who know its id can put it into a history.

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
            self._tables.append(row, item_id, vectors, listed)
            self.catalog.add(item, listed)
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
            self._tables.append(row, item_id, vectors)
            self.catalog.add(item)
        return item

    def hide_items(self, item_ids: Sequence[str]) -> None:
        """Recommend these items no more, from the next call on; a history may still hold them.

        Raises:
            RequestError: an id is not in the catalogue.
        """
        self._tables.switch(off=self.catalog.rows(item_ids))

    def show_items(self, item_ids: Sequence[str]) -> None:
        """Recommend hidden items again, from the next call on.

        Raises:
            RequestError: an id is not in the catalogue.
        """
        self._tables.switch(on=self.catalog.rows(item_ids))

    def remove_items(self, item_ids: Sequence[str]) -> None:
        """Take items out of the catalogue for as long as this object lives: no list, search or history has them.

        Raises:
            RequestError: an id is not in the catalogue.
        """
        with self._changing:
            rows = self.catalog.rows(item_ids)
            self.catalog.remove(item_ids)
            self._tables.drop(rows)
            self._parts.drop(rows)

    def replace_tables(self, tables: Mapping[str, np.ndarray]) -> None:
        """Rank by other vectors of the same items from the next call on, for example after a new training.

        Args:
            tables: mode -> (N, W) float32.

        Raises:
            RequestError: a mode is unknown, or a table has another shape or type.
        """
        with self._changing:
            self._tables.put(tables)
            self._parts.replace(tables)

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
