"""Features of a whole catalogue from the frozen towers, kept in a cache so that each item is read once.

The key of an entry is a hash of what the tower read (the text itself, the picture's bytes) and of the tower's name,
so a changed item is read anew and an unchanged one never is, whatever dataset it stands in.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molar.engine.images import open_image, square_pixels
from molar.train.backbones import compact
from molar.train.dataset import Dataset
from molar.train.tables import picture_path

_BATCH = 32

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""


@dataclass(frozen=True)
class ItemFeatures:
    """What the frozen towers say of each item; zeros where an item has no picture.

    Attributes:
        text: (N, 384) float32.
        image: (N, 1280) float32.
    """

    text: torch.Tensor
    image: torch.Tensor


def item_text(item: dict[str, str], attributes: Sequence[str]) -> str:
    """What the text tower reads: title, attributes by name, then the description, which is cut first if it is long."""
    parts = [item["title"], *(f"{name}: {item[name]}" for name in attributes if item[name]), item["description"]]
    return ". ".join(part for part in parts if part)


def cache_folder() -> Path:
    """`MOLAR_CACHE`, or `molar` in the user's cache folder."""
    if "MOLAR_CACHE" in os.environ:
        return Path(os.environ["MOLAR_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "molar"


def item_features(dataset: Dataset, text_tokens: int, device: torch.device, progress: Progress) -> ItemFeatures:
    """Features of every item; only those that the cache does not hold are computed.

    Raises:
        DatasetError: a picture is missing or cannot be read.
        ModelError: the towers' weights are not installed.
    """
    items = dataset.items.to_dicts()
    texts = [item_text(item, dataset.attributes) for item in items]
    pictures = [picture_path(dataset.folder, item["image"]) if item["image"] else None for item in items]
    with FeatureCache(cache_folder() / "features.db") as cache:
        text_keys = [_key(f"{compact.NAME} text {text_tokens}", text.encode()) for text in texts]
        with ThreadPoolExecutor() as pool:
            image_keys = list(pool.map(_picture_key, pictures, [item["image"] for item in items]))
        text_todo = cache.missing(text_keys)
        image_todo = [row for row in cache.missing(image_keys) if pictures[row] is not None]
        if text_todo or image_todo:
            towers = compact.CompactTowers(text_tokens, device)
            text_todo.sort(key=lambda row: len(texts[row]))  # alike lengths in a batch: little padding
            for done, rows in _batches(text_todo):
                progress("texts", done, len(text_todo))
                cache.put([text_keys[row] for row in rows], towers.embed_texts([texts[row] for row in rows]))

            def pixels(row: int) -> np.ndarray:
                path = pictures[row]
                assert path is not None
                return square_pixels(open_image(path, items[row]["image"]), compact.IMAGE_SIZE)

            with ThreadPoolExecutor() as pool:
                for done, rows in _batches(image_todo):
                    progress("pictures", done, len(image_todo))
                    batch = np.stack(list(pool.map(pixels, rows)))
                    cache.put([image_keys[row] for row in rows], towers.embed_pictures(batch))
        return ItemFeatures(
            torch.from_numpy(cache.get(text_keys, compact.TEXT_DIM)),
            torch.from_numpy(cache.get(image_keys, compact.IMAGE_DIM)),
        )


class FeatureCache:
    """Vectors by content hash in one SQLite file; a batch is stored whole or not at all.

    A context manager: `with FeatureCache(path) as cache`.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(path, timeout=60)
        self.database.execute("pragma journal_mode = wal")
        self.database.execute("create table if not exists features (key text primary key, vector blob) without rowid")

    def __enter__(self) -> "FeatureCache":
        return self

    def __exit__(self, *_: Any) -> None:
        self.database.close()

    def missing(self, keys: Sequence[str]) -> list[int]:
        """Positions of the keys that are not stored."""
        found = "select 1 from features where key = ?"
        return [i for i, key in enumerate(keys) if self.database.execute(found, (key,)).fetchone() is None]

    def put(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Store (B, D) float32 vectors."""
        with self.database:
            rows = [(key, vector.tobytes()) for key, vector in zip(keys, vectors.astype("<f4"), strict=True)]
            self.database.executemany("insert or replace into features values (?, ?)", rows)

    def get(self, keys: Sequence[str], dim: int) -> np.ndarray:
        """(B, dim) float32; zeros for a key that is not stored."""
        vectors = np.zeros((len(keys), dim), dtype=np.float32)
        for i, key in enumerate(keys):
            found = self.database.execute("select vector from features where key = ?", (key,)).fetchone()
            if found:
                vectors[i] = np.frombuffer(found[0], dtype="<f4")
        return vectors


def _picture_key(path: Path | None, name: str) -> str:
    if path is None:
        return "none"
    try:
        content = path.read_bytes()
    except OSError:
        open_image(path, name)  # says what is wrong with it
        raise
    return _key(f"{compact.NAME} image", content)


def _key(tower: str, content: bytes) -> str:
    return hashlib.sha256(tower.encode() + b"\0" + content).hexdigest()


def _batches(rows: list[int]) -> Iterator[tuple[int, list[int]]]:
    for start in range(0, len(rows), _BATCH):
        yield start, rows[start : start + _BATCH]
