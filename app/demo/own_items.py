"""Items that visitors add: a picture, some words, or both. Only who added one sees it."""

import base64
import binascii
import re
import secrets
import threading
import time
from collections.abc import Collection

from molar.engine import DatasetError, MolarError, NewItem, Recommender, RequestError

PREFIX = "own-"
MOST_OWN_ITEMS = 500  # of all visitors together; the oldest make room
_MOST_CHARACTERS = 2_000  # of a title
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,(.*)", re.DOTALL)


class OwnItems:
    """The added items of all visitors, in memory, each under an id that nobody can guess.

    Args:
        recommender: whose item encoder reads them.
        most: how many are kept.
    """

    def __init__(self, recommender: Recommender, most: int = MOST_OWN_ITEMS) -> None:
        self._recommender = recommender
        self._most = most
        self._lock = threading.Lock()
        self._preparing = threading.Lock()
        self._prepared = False
        self._ids: dict[str, None] = {}

    @property
    def possible(self) -> bool:
        """Whether this bundle can read new items."""
        return self._recommender.manifest.item_encoder is not None

    def prepare(self) -> None:
        """Open the item encoder, which takes a second, before there is something to read."""
        with self._preparing:
            if self.possible and not self._prepared:
                self._recommender.embed([NewItem(title="anything")])
                self._prepared = True

    def add(self, title: str, picture: str) -> tuple[str, float]:
        """Read an item.

        Args:
            title: what it is; may be empty if there is a picture.
            picture: as a data URL, or empty.

        Returns:
            Its id, and the milliseconds that the item encoder took.

        Raises:
            RequestError: there is neither, the picture cannot be read, or the bundle cannot read new items.
        """
        title = " ".join(title.split())[:_MOST_CHARACTERS]
        image = _decoded(picture)
        if not (title or image):
            raise RequestError("give a picture, or say what it is")
        item_id = PREFIX + secrets.token_urlsafe(16)
        started = time.perf_counter()
        try:
            self._recommender.add_item(item_id, title or "Your picture", image=image, listed=False)
        except DatasetError:  # its advice is for the tables of a dataset
            raise RequestError("this picture cannot be read") from None
        took = (time.perf_counter() - started) * 1e3
        with self._lock:
            self._ids[item_id] = None
            oldest = list(self._ids)[: max(0, len(self._ids) - self._most)]
        self.forget(oldest)
        return item_id, took

    def forget(self, item_ids: Collection[str]) -> None:
        """Remove items whose visitor has left."""
        with self._lock:
            known = [item_id for item_id in item_ids if item_id in self._ids]
            for item_id in known:
                del self._ids[item_id]
        for item_id in known:
            try:
                self._recommender.remove_items([item_id])
            except MolarError:  # it is gone already
                continue

    def __len__(self) -> int:
        return len(self._ids)


def _decoded(picture: str) -> bytes | None:
    if not picture:
        return None
    try:
        if found := _DATA_URL.fullmatch(picture):
            return base64.b64decode(found.group(1), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise RequestError("this is not a picture")
