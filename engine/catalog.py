"""The catalogue: the items as people see them, and the only place where item ids and rows meet."""

import difflib
import json
import sqlite3
import threading
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path

import numpy as np

from molar.engine.catalog_item import Allowed, CatalogItem, Where
from molar.engine.errors import BundleError, RequestError
from molar.engine.live_items import LiveItems, words_of

_LARGEST_FACET = 60
_KEPT_FILTERS = 64
_SPELLINGS, _ALMOST = 3, 0.7  # at most so many other spellings, so much like what was typed (difflib's ratio)
_AS_GOOD = 0.1  # and by no more less like it than the best of them


class Catalog:
    """catalog.db, which is only read, and the items that were added since; from any thread.

    Args:
        path: of catalog.db.

    Attributes:
        item_ids: of the items of catalog.db, by row.
        facets: attributes that make good filters, with their values.
        visitors: ready-made browsing histories: name -> rows, oldest first.
        places: (M, 3) row, x and y, 0 to 1, of the items on the map; M is 0 in a bundle without one.
        next_row: that the next added item gets.

    Raises:
        BundleError: the file is no catalogue.
    """

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._local = threading.local()
        try:
            # One by one: a list of a million rows would leave holes in the heap.
            ids = self._connection.execute("select item_id from items order by row")
            self.item_ids: list[str] = [item_id for (item_id,) in ids]
            self.facets = self._facets()
            self.visitors: dict[str, list[int]] = {}
            for name, row in self._query("select name, row from visitors order by rowid"):
                self.visitors.setdefault(name, []).append(row)
            self.places = np.array(self._query("select row, x, y from places"), dtype=np.float64).reshape(-1, 3)
        except sqlite3.DatabaseError as error:
            raise BundleError(f"{path}: not a catalogue ({error}); export the bundle again") from None
        self._row_of = dict(zip(self.item_ids, range(len(self.item_ids)), strict=True))
        self._stored = len(self.item_ids)
        self.next_row = self._stored
        self._live = LiveItems()
        self._removed: frozenset[int] = frozenset()
        self._filters: dict[tuple, Allowed] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    def item_id(self, row: int) -> str:
        """The id of a row; empty for that of an item that was added and removed again."""
        if row < self._stored:
            return self.item_ids[row]
        item = self._live.get(row)
        return item.item_id if item else ""

    def rows(self, item_ids: Sequence[str]) -> list[int]:
        """Rows of the ids, in their order.

        Raises:
            RequestError: naming the ids that are not in the catalogue.
        """
        found = list(map(self._row_of.get, item_ids, repeat(-1)))  # items may be removed meanwhile
        if -1 in found:
            unknown = list(dict.fromkeys(item_id for item_id, row in zip(item_ids, found, strict=True) if row < 0))
            shown = ", ".join(repr(item_id) for item_id in unknown[:5])
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise RequestError(f"not in the catalogue: {shown}{more}")
        return found

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._row_of

    def add(self, item: CatalogItem, listed: bool = True) -> None:
        """Add an item for as long as this object lives; its row is `next_row`. Searches find it if it is listed."""
        if item.row != self.next_row or item.item_id in self:
            raise ValueError(f"row {item.row}, item_id {item.item_id!r}: not the next row, or an id that is taken")
        if not listed:
            self._live.unlisted.add(item.row)
        self._live[item.row] = item
        self.next_row += 1
        self._row_of[item.item_id] = item.row

    def remove(self, item_ids: Sequence[str]) -> None:
        """Forget items for as long as this object lives; their rows are never given to others."""
        rows = self.rows(item_ids)
        for item_id in dict.fromkeys(item_ids):
            del self._row_of[item_id]
        self._removed = self._removed | {row for row in rows if row < self._stored}
        for row in rows:
            self._live.pop(row, None)
            self._live.unlisted.discard(row)

    def items(self, rows: Sequence[int]) -> list[CatalogItem]:
        """Items in the order of the rows, those of catalog.db without thumbnails; removed added ones left out."""
        everything = [int(row) for row in rows]
        wanted = [row for row in everything if row < self._stored]
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
        found |= {row: item for row in everything if (item := self._live.get(row))}
        return [found[row] for row in everything if row in found]

    def search(self, text: str = "", where: Where | None = None, limit: int = 60, offset: int = 0) -> list[int]:
        """Rows of the items that have every word of `text` as a prefix and pass the filter, most popular first.

        Added items come last. A word that no stored item has stands for those that are spelled almost like it. Any text
        is allowed; its words are matched literally. An empty text matches everything.

        Raises:
            RequestError: the filter names an attribute or a value that no item has.
        """
        condition, arguments = self._condition(where)
        removed = self._removed
        if removed:
            condition += " and row not in (select value from json_each(?))"
            arguments.append(json.dumps(sorted(removed)))
        words = words_of(text)
        if words:
            condition += " and row in (select rowid from items_fts where items_fts match ?)"
            arguments.append(" AND ".join(f"({self._spelled(word)})" for word in words))
        elif text.strip():
            return []
        found = self._query(
            f"select row from items where {condition} order by popularity desc, row limit ? offset ?",
            [*arguments, limit, offset],
        )
        rows = [row for (row,) in found]
        if len(self._live) and len(rows) < limit:
            [(stored,)] = self._query(f"select count(*) from items where {condition}", arguments)
            begin = max(0, offset - stored)
            rows += self._live.matching(text, where)[begin : begin + limit - len(rows)]
        return rows

    def allowed(self, where: Where) -> Allowed:
        """The items that pass the filter; the same object as long as they are the same ones.

        Raises:
            RequestError: the filter names an attribute or a value that no item has.
        """
        key = tuple((name, (of,) if isinstance(of, str) else tuple(of)) for name, of in sorted(where.items()))
        added = frozenset(self._live.matching("", where))
        known = self._filters.get(key)
        if known and known.added == added:
            return known
        if known:
            stored = known.stored
        else:
            condition, arguments = self._condition(where)
            stored = np.zeros(self._stored, dtype=bool)
            stored[[row for (row,) in self._query(f"select row from items where {condition}", arguments)]] = True
        if len(self._filters) >= _KEPT_FILTERS:
            self._filters.pop(next(iter(self._filters)), None)
        found = self._filters[key] = Allowed(stored, added, key)
        return found

    def thumbnail(self, row: int) -> bytes | None:
        """WebP bytes of an item's picture, None if it has none."""
        if row in self._live:
            return self._live[row].thumbnail
        found = self._query("select webp from thumbnails where row = ?", [row])
        return found[0][0] if found else None

    def _spelled(self, word: str) -> str:
        """What full text search is asked for in the place of a word."""
        if not self._query("select 1 from items_fts where items_fts match ? limit 1", [f'"{word}"*']):
            self._query("create virtual table if not exists temp.words using fts5vocab(main, items_fts, row)")
            # Nearly everybody gets the first letter right, and all words would be too many to compare.
            terms = [term for (term,) in self._query("select term from words where term glob ?", [f"{word[0]}*"])]
            begins = {term[: len(word)] for term in terms} | set(terms)
            close = difflib.get_close_matches(word, sorted(begins), _SPELLINGS, _ALMOST)
            if close:  # best first
                likeness = [difflib.SequenceMatcher(None, begin, word).ratio() for begin in close]
                as_good = [begin for begin, like in zip(close, likeness, strict=True) if like > likeness[0] - _AS_GOOD]
                return " OR ".join(f'"{begin}"*' for begin in as_good)
        return f'"{word}"*'

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
        added = self._live.attribute_values(name)
        if value in added:
            return
        known = [n for (n,) in self._query("select distinct name from attributes")]
        if name not in known and not added:
            raise RequestError(f"no attribute {name!r}; the catalogue has {', '.join(known) or 'none'}")
        values = [v for (v,) in self._query("select distinct value from attributes where name = ?", [name])]
        close = difflib.get_close_matches(value, [*values, *added], 3)
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

    @property
    def _connection(self) -> sqlite3.Connection:
        """This thread's."""
        if not hasattr(self._local, "connection"):
            self._local.connection = sqlite3.connect(self._uri, uri=True)
        found: sqlite3.Connection = self._local.connection
        return found

    def _query(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple]:
        return self._connection.execute(sql, arguments).fetchall()
