"""catalog.db: the items as people see them, and the only place where item ids and rows meet.

items        row, item_id, title, description, popularity        full text: items_fts
attributes   row, name, value      a column of the dataset with several values in a cell has a line for each
thumbnails   row, webp
"""

import difflib
import re
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from molar.engine.errors import BundleError, RequestError

Where = Mapping[str, str | Sequence[str]]
"""A filter: attribute -> the value, or the values of which an item must have one."""

_LARGEST_FACET = 60


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


def create_catalog(path: Path, items: Iterable[CatalogItem]) -> None:
    """Write catalog.db."""
    import sqlite_utils  # it imports pandas where that is installed, which an engine that only reads need not wait for

    database = sqlite_utils.Database(path)
    items_table, attributes_table, thumbnails_table = map(database.table, ("items", "attributes", "thumbnails"))
    columns = {"row": int, "item_id": str, "title": str, "description": str, "popularity": int}
    items_table.create(columns, pk="row", not_null=set(columns))
    attributes_table.create({"row": int, "name": str, "value": str}, pk=("name", "value", "row"))
    thumbnails_table.create({"row": int, "webp": bytes}, pk="row")
    remaining = iter(items)
    while batch := list(islice(remaining, 1000)):  # a transaction each
        items_table.insert_all({name: getattr(item, name) for name in columns} for item in batch)
        attributes_table.insert_all(
            {"row": item.row, "name": name, "value": value}
            for item in batch
            for name, values in item.attributes.items()
            for value in values
        )
        thumbnails_table.insert_all({"row": item.row, "webp": item.thumbnail} for item in batch if item.thumbnail)
    items_table.create_index(["item_id"], unique=True)
    items_table.create_index(["popularity"])
    items_table.enable_fts(["title", "description"], tokenize="unicode61 remove_diacritics 2")
    database.vacuum()
    database.close()


class Catalog:
    """Read-only access to catalog.db from any thread.

    Args:
        path: of catalog.db.

    Raises:
        BundleError: the file is no catalogue.
    """

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._local = threading.local()
        try:
            ids = self._query("select item_id from items order by row")
            self.facets = self._facets()
        except sqlite3.DatabaseError as error:
            raise BundleError(f"{path}: not a catalogue ({error}); export the bundle again") from None
        self.item_ids: list[str] = [item_id for (item_id,) in ids]
        self._row_of = {item_id: row for row, item_id in enumerate(self.item_ids)}

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows(self, item_ids: Sequence[str]) -> list[int]:
        """Rows of the ids, in their order.

        Raises:
            RequestError: naming the ids that are not in the catalogue.
        """
        unknown = [item_id for item_id in dict.fromkeys(item_ids) if item_id not in self._row_of]
        if unknown:
            shown = ", ".join(repr(item_id) for item_id in unknown[:5])
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise RequestError(f"not in the catalogue: {shown}{more}")
        return [self._row_of[item_id] for item_id in item_ids]

    def items(self, rows: Sequence[int]) -> list[CatalogItem]:
        """Items in the order of the rows, without their thumbnails."""
        wanted = [int(row) for row in rows]
        marks = ",".join("?" * len(wanted))
        attributes: dict[int, dict[str, list[str]]] = {row: {} for row in wanted}
        for row, name, value in self._query(
            f"select row, name, value from attributes where row in ({marks}) order by rowid", wanted
        ):
            attributes[row].setdefault(name, []).append(value)
        found = {
            row: CatalogItem(row, item_id, title, description, popularity, attributes[row])
            for row, item_id, title, description, popularity in self._query(
                f"select row, item_id, title, description, popularity from items where row in ({marks})", wanted
            )
        }
        return [found[row] for row in wanted]

    def search(self, text: str = "", where: Where | None = None, limit: int = 60, offset: int = 0) -> list[int]:
        """Rows of the items that have every word of `text` as a prefix and pass the filter, most popular first.

        Any text is allowed; its words are matched literally. An empty text matches everything.

        Raises:
            RequestError: the filter names an attribute or a value that no item has.
        """
        condition, arguments = self._condition(where)
        words = re.findall(r"\w+", text)
        if words:
            condition += " and row in (select rowid from items_fts where items_fts match ?)"
            arguments.append(" ".join(f'"{word}"*' for word in words))
        elif text.strip():
            return []
        found = self._query(
            f"select row from items where {condition} order by popularity desc, row limit ? offset ?",
            [*arguments, limit, offset],
        )
        return [row for (row,) in found]

    def allowed(self, where: Where | None) -> np.ndarray:
        """(N,) bool, True for the items that pass the filter.

        Raises:
            RequestError: the filter names an attribute or a value that no item has.
        """
        if not where:
            return np.ones(len(self), dtype=bool)
        mask = np.zeros(len(self), dtype=bool)
        condition, arguments = self._condition(where)
        mask[[row for (row,) in self._query(f"select row from items where {condition}", arguments)]] = True
        return mask

    def thumbnail(self, row: int) -> bytes | None:
        """WebP bytes of an item's picture, None if it has none."""
        found = self._query("select webp from thumbnails where row = ?", [row])
        return found[0][0] if found else None

    def _condition(self, where: Where | None) -> tuple[str, list[object]]:
        condition, arguments = "1", list[object]()
        for name, wanted in (where or {}).items():
            values = [wanted] if isinstance(wanted, str) else list(wanted)
            for value in values:
                self._check_value(name, value)
            marks = ",".join("?" * len(values))
            condition += f" and row in (select row from attributes where name = ? and value in ({marks}))"
            arguments += [name, *values]
        return condition, arguments

    def _check_value(self, name: str, value: str) -> None:
        if self._query("select 1 from attributes where name = ? and value = ? limit 1", [name, value]):
            return
        known = [n for (n,) in self._query("select distinct name from attributes")]
        if name not in known:
            raise RequestError(f"no attribute {name!r}; the catalogue has {', '.join(known) or 'none'}")
        values = [v for (v,) in self._query("select distinct value from attributes where name = ?", [name])]
        close = difflib.get_close_matches(value, values, 3)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise RequestError(f"no item has {name} {value!r}{hint}")

    def _facets(self) -> dict[str, list[str]]:
        """Attributes that make good filters, with their values: 2 to 60 of them, shared by items; most items first."""
        facets: dict[str, list[str]] = {}
        counted = self._query(
            "select name, value, count(*) as n from attributes group by name, value order by name, n desc, value"
        )
        for name, value, _ in counted:
            facets.setdefault(name, []).append(value)
        total = {name: sum(n for other, _, n in counted if other == name) for name in facets}
        chosen = {
            name: values
            for name, values in facets.items()
            if 2 <= len(values) <= _LARGEST_FACET and total[name] >= 3 * len(values)
        }
        order = [name for (name,) in self._query("select name from attributes group by name order by min(rowid)")]
        return {name: chosen[name] for name in order if name in chosen}

    def _query(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple]:
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(self._uri, uri=True)
        found: list[tuple] = self._local.connection.execute(sql, arguments).fetchall()
        return found
