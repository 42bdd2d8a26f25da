"""What programs change of a served catalogue, written down so that it outlives the bundle and the process.

SQLite commits each change before it is answered: what was answered is there again after a crash.
"""

import base64
import binascii
import sqlite3
from pathlib import Path
from typing import Any

from molar.app.service_schema import NewItem
from molar.engine import MolarError, Recommender, RequestError

_SCHEMA = {"item_id": str, "added": str, "removed": int, "hidden": int}
_AS_IN_THE_BUNDLE = {"added": None, "removed": 0, "hidden": 0}


class CatalogueChanges:
    """Items that were added, taken out or hidden; from any thread, but one at a time.

    Args:
        path: an SQLite file, made if it is not there; None for changes that end with the process.

    Raises:
        RequestError: it is another file, or another process has it.
    """

    def __init__(self, path: Path | None = None) -> None:
        import sqlite_utils  # it imports pandas where that is installed, which `molar --help` need not wait for

        try:
            connection = sqlite3.connect(path or ":memory:", check_same_thread=False)
            # Of one process at a time: another would not see what this one changes.
            connection.execute("pragma locking_mode = exclusive")
            self._table: Any = sqlite_utils.Database(connection).table("changes")
            self._table.create(_SCHEMA, pk="item_id", if_not_exists=True)
            connection.execute("begin immediate")
            connection.commit()
        except sqlite3.Error as error:
            raise RequestError(f"{path}: changes cannot be kept there ({error})") from None

    def add(self, one: Recommender, new: NewItem) -> None:
        """Add an item.

        Raises:
            RequestError: the id is taken, the item is empty, or this bundle has no item encoder.
            DatasetError: the picture cannot be read.
        """
        _add(one, new)
        self._note(new.item_id, added=new.model_dump_json())

    def remove(self, one: Recommender, item_id: str) -> None:
        """Take an item out that is in the catalogue."""
        one.remove_items([item_id])
        was_added = self._noted(item_id)["added"] is not None
        self._note(item_id, hidden=0, **({"added": None} if was_added else {"removed": 1}))

    def hide(self, one: Recommender, item_id: str, hidden: bool) -> None:
        """Recommend an item of the catalogue no more, or again."""
        (one.hide_items if hidden else one.show_items)([item_id])
        self._note(item_id, hidden=int(hidden))

    def apply(self, one: Recommender) -> list[str]:
        """Change a bundle that was just opened as the others were. What it has by itself is not added again.

        Returns:
            What could not be added, and why.
        """
        failed = []
        for row in list(self._table.rows):
            item_id = row["item_id"]
            if row["removed"] and item_id in one.catalog:
                one.remove_items([item_id])
            if row["added"] and item_id in one.catalog:
                self._note(item_id, added=None)
            elif row["added"]:
                try:
                    _add(one, NewItem.model_validate_json(row["added"]))
                except MolarError as error:
                    failed.append(f"{item_id}: {error}")
            if row["hidden"] and item_id in one.catalog:
                one.hide_items([item_id])
        return failed

    def _noted(self, item_id: str) -> dict[str, Any]:
        found = next(self._table.rows_where("item_id = ?", [item_id]), None)
        return found or {"item_id": item_id, **_AS_IN_THE_BUNDLE}

    def _note(self, item_id: str, **changes: Any) -> None:
        noted = {**self._noted(item_id), **changes}
        if noted == {"item_id": item_id, **_AS_IN_THE_BUNDLE}:
            self._table.delete_where("item_id = ?", [item_id])
        else:
            self._table.insert(noted, pk="item_id", replace=True)
        self._table.db.conn.commit()


def _add(one: Recommender, new: NewItem) -> None:
    one.add_item(new.item_id, new.title, new.description, new.attributes, _picture(new.image))


def _picture(encoded: str | None) -> bytes | None:
    if not encoded:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("image: is not base64") from None
