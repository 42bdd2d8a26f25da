"""What catalog.db holds, and how it is written.

items        row, item_id, title, description, popularity, labels       labels: all values of its attributes
             full text of titles, descriptions and labels: items_fts
attributes   row, name, value      a column of the dataset with several values in a cell has a line for each
thumbnails   row, webp
places       row, x, y             where the most popular items stand on a map of the catalogue, 0 to 1
visitors     name, place, row      ready-made browsing histories
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

Where = Mapping[str, str | Sequence[str]]
"""A filter: attribute -> the value, or the values of which an item must have one."""


@dataclass(frozen=True)
class CatalogItem:
    """One item as people see it.

    Attributes:
        row: its line in the item tables.
        item_id: its name outside of Molar.
        title: one line.
        description: any length, may be empty.
        popularity: number of interactions in the dataset.
        attributes: name -> values.
        thumbnail: WebP bytes, None for an item without a picture; not filled in by `Catalog.items`.
    """

    row: int
    item_id: str
    title: str
    description: str = ""
    popularity: int = 0
    attributes: dict[str, list[str]] = field(default_factory=dict)
    thumbnail: bytes | None = None

    @property
    def labels(self) -> str:
        """All values of its attributes, for searches."""
        return " ".join(value for values in self.attributes.values() for value in values)


@dataclass(frozen=True, eq=False)
class Allowed:
    """Items that may be recommended.

    Attributes:
        stored: (N,) bool for the items of the bundle.
        added: rows of added items.
        where: attribute and values of the filter, as an item index is told of it.
    """

    stored: np.ndarray
    added: frozenset[int] = frozenset()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()


def create_catalog(path: Path, items: Iterable[CatalogItem]) -> None:
    """Write catalog.db."""
    import sqlite_utils  # it imports pandas where that is installed, which an engine that only reads need not wait for

    database = sqlite_utils.Database(path)
    items_table = database.table("items")
    columns = {"row": int, "item_id": str, "title": str, "description": str, "popularity": int}
    items_table.create({**columns, "labels": str}, pk="row", not_null={*columns, "labels"})
    database.table("attributes").create({"row": int, "name": str, "value": str}, pk=("name", "value", "row"))
    database.table("thumbnails").create({"row": int, "webp": bytes}, pk="row")
    database.table("places").create({"row": int, "x": float, "y": float}, pk="row")
    database.table("visitors").create({"name": str, "place": int, "row": int}, pk=("name", "place"))
    remaining = iter(items)
    while batch := list(islice(remaining, 10_000)):  # a transaction each
        with database.conn as connection:  # sqlite-utils' own inserts take several times as long
            connection.executemany(
                "insert into items values (?, ?, ?, ?, ?, ?)",
                ((i.row, i.item_id, i.title, i.description, i.popularity, i.labels) for i in batch),
            )
            connection.executemany(
                "insert into attributes values (?, ?, ?)",
                (
                    (item.row, name, value)
                    for item in batch
                    for name, values in item.attributes.items()
                    for value in values
                ),
            )
            connection.executemany(
                "insert into thumbnails values (?, ?)", ((item.row, item.thumbnail) for item in batch if item.thumbnail)
            )
    items_table.create_index(["item_id"], unique=True)
    items_table.create_index(["popularity"])
    items_table.enable_fts(["title", "description", "labels"], tokenize="unicode61 remove_diacritics 2")
    database.vacuum()
    database.close()


def add_showcase(path: Path, places: Mapping[int, tuple[float, float]], visitors: Mapping[str, Sequence[int]]) -> None:
    """Write into a catalog.db what a demo shows beside its items.

    Args:
        path: of a file made by `create_catalog`.
        places: row -> (x, y) on the map, 0 to 1.
        visitors: name -> rows of a browsing history, oldest first.
    """
    import sqlite_utils

    database = sqlite_utils.Database(path)
    database.table("places").insert_all({"row": row, "x": x, "y": y} for row, (x, y) in places.items())
    database.table("visitors").insert_all(
        {"name": name, "place": place, "row": row} for name, rows in visitors.items() for place, row in enumerate(rows)
    )
    database.vacuum()
    database.close()
