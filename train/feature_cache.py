"""Vectors by content hash, so that what was computed once is never computed again."""

import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

_LARGE = 2**30  # bytes


class FeatureCache:
    """Vectors by content hash in one SQLite file; a batch is stored whole or not at all.

    A context manager: `with FeatureCache(path) as cache`.
    """

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.folder.mkdir(parents=True, exist_ok=True)
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
        """(B, dim) float32, in a file where they are large; zeros for a key that is not stored."""
        vectors = self._zeros(len(keys), dim)
        for i, key in enumerate(keys):
            found = self.database.execute("select vector from features where key = ?", (key,)).fetchone()
            if found:
                vectors[i] = np.frombuffer(found[0], dtype="<f4")
        return vectors

    def _zeros(self, rows: int, dim: int) -> np.ndarray:
        """(rows, dim) float32; large ones in a file that vanishes with them, so that they need not stay in memory."""
        if rows * dim * 4 < _LARGE:
            return np.zeros((rows, dim), dtype=np.float32)
        with tempfile.TemporaryFile(dir=self.folder) as file:
            return np.memmap(file, dtype=np.float32, mode="w+", shape=(rows, dim))
