"""Visits as files, and those that are kept in the user's data folder."""

import base64
import binascii
import datetime
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from molar.app.demo.own_items import OwnItems
from molar.app.demo.visit import MOST_ITEMS, Visit
from molar.engine import Recommender, RequestError

FORM = 1
MOST_KEPT = 200  # of one visitor; the oldest make room
_MOST_NAME = 80
_MOST_OWN = 20


def data_folder() -> Path:
    """Where visits are kept: `MOLAR_HOME`, else the platform's folder for applications."""
    return Path(os.environ.get("MOLAR_HOME") or click.get_app_dir("molar"))


def visit_to_json(visit: Visit, recommender: Recommender) -> str:
    """A visit as text that `visit_from_json` reads, the visitor's own items with their pictures."""
    catalog = recommender.catalog
    history = visit.replayed or visit.history
    own = {}
    for item in catalog.items(catalog.rows([item_id for item_id in history if item_id in visit.own])):
        webp = catalog.thumbnail(item.row)
        own[item.item_id] = {"title": item.title, "picture": base64.b64encode(webp).decode() if webp else ""}
    name = recommender.manifest.name
    values = {"molar_visit": FORM, "catalogue": name, "history": history, "aside": visit.aside, "own": own}
    return json.dumps(values, ensure_ascii=False)


def visit_from_json(text: str, visit: Visit, recommender: Recommender, own_items: OwnItems) -> Visit:
    """Go on from a visit that was written down; its own items are read again. What the catalogue lacks is left out.

    Raises:
        RequestError: it is no visit, or one without any item of this catalogue.
    """
    try:
        values = json.loads(text)
        if values["molar_visit"] != FORM:
            raise RequestError("this visit was written by another version of Molar")
        history, aside, own = (values[name] for name in ("history", "aside", "own"))
        if not all(isinstance(item_id, str) for item_id in [*history, *aside]):
            raise TypeError
        described = {
            name: (str(of["title"]), base64.b64decode(of["picture"], validate=True)) for name, of in own.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise RequestError("this is not a visit that Molar has written") from None
    names: dict[str, str] = {}
    for item_id, (title, webp) in list(described.items())[:_MOST_OWN]:
        picture = f"data:image/webp;base64,{base64.b64encode(webp).decode()}" if webp else ""
        try:
            names[item_id], _ = own_items.add(title, picture)
        except RequestError:
            continue
        visit = visit.owning(names[item_id])
    catalog = recommender.catalog
    public = {item_id for item_id in [*history, *aside] if item_id in catalog and item_id not in described}
    # An id of somebody else's item is nobody's key to it.
    known = names | {item_id: item_id for item_id in public if catalog.rows([item_id])[0] < recommender.manifest.items}
    found = [known[item_id] for item_id in history[-MOST_ITEMS:] if item_id in known]
    if not found:
        raise RequestError(f"none of its items is in {recommender.manifest.name}")
    return visit.start(found, [known[item_id] for item_id in aside[-MOST_ITEMS:] if item_id in known])


class SavedVisits:
    """Visits in SQLite, each under a token that opens it and belongs to one visitor's key; from any thread.

    Args:
        path: of the file, made when the first visit is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def save(self, owner: str, name: str, visit: str) -> str:
        """Keep a visit, as `visit_to_json` writes it; its token."""
        token = secrets.token_urlsafe(12)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = {"token": token, "owner": owner, "name": _name(name), "saved": now, "visit": visit}
        line["catalogue"] = json.loads(visit)["catalogue"]
        with self._visits() as table:
            table.insert(line)
            kept = "select token from visits where owner = ? order by rowid desc limit ?"
            table.db.execute(f"delete from visits where owner = ? and token not in ({kept})", [owner, owner, MOST_KEPT])
        return token

    def of(self, owner: str, catalogue: str) -> list[dict[str, Any]]:
        """Somebody's visits to a catalogue, newest first: token, name and when they were saved."""
        if not (owner and self._path.exists()):
            return []
        with self._visits() as table:
            mine = "owner = ? and catalogue = ?"
            return list(table.rows_where(mine, [owner, catalogue], "rowid desc", "token, name, saved"))

    def visit(self, token: str) -> str:
        """A visit by its token.

        Raises:
            RequestError: there is none.
        """
        if self._path.exists():
            with self._visits() as table:
                for row in table.rows_where("token = ?", [token]):
                    return str(row["visit"])
        raise RequestError("there is no such visit; it may have been deleted")

    def rename(self, owner: str, token: str, name: str) -> None:
        """Give one's own visit another name."""
        self._change("update visits set name = ? where owner = ? and token = ?", [_name(name), owner, token])

    def delete(self, owner: str, token: str) -> None:
        """Delete one's own visit."""
        self._change("delete from visits where owner = ? and token = ?", [owner, token])

    def _change(self, sql: str, values: list[str]) -> None:
        if self._path.exists():
            with self._visits() as table:
                table.db.execute(sql, values)

    @contextmanager
    def _visits(self) -> Iterator[Any]:
        """The table, for one transaction."""
        import sqlite_utils  # it imports pandas where that is installed, which a first page need not wait for

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, closing(sqlite_utils.Database(self._path)) as database:
            table = database.table("visits")
            columns = dict.fromkeys(("token", "owner", "catalogue", "name", "saved", "visit"), str)
            table.create(columns, pk="token", if_not_exists=True)
            table.create_index(["owner"], if_not_exists=True)
            yield table
            database.conn.commit()


def _name(text: str) -> str:
    return " ".join(text.split())[:_MOST_NAME] or "A visit"
