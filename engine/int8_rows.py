"""Item tables in 8 bits, and how far a score from them can be from the score in float32.

Dimensions: P rows, W width of a row, Q parts of a row with a scale of their own, W / Q numbers each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from molar.engine.bundle import BLOCK

_QUERY_LOSS = 0.01  # what rounding the query may take from its length before the bounds grow; the graph has it too
_FLOAT32_LOSS = 1.001  # sums in another order
_AT_ONCE = 65_536  # rows


@dataclass(frozen=True)
class Int8Rows:
    """One table.

    Attributes:
        table_int8: (P, Q, W / Q) uint8, 128 is zero.
        table_scale: (P, Q) float32, the same for the rows of a block of `BLOCK`.
        bound: (P,) float32, |t - t'| + |t'| / 100 of a row t that is kept as t': times the query's length it is never
            less than what the score loses.
    """

    table_int8: np.ndarray
    table_scale: np.ndarray
    bound: np.ndarray

    @classmethod
    def of(cls, table: np.ndarray, part: int) -> "Int8Rows":
        """Round a (P, W) float32 table, P a multiple of `BLOCK`, W of `part`."""
        rows, width = table.shape
        found = cls(
            np.empty((rows, width // part, part), np.uint8),
            np.empty((rows, width // part), np.float32),
            np.empty(rows, np.float32),
        )
        for begin in range(0, rows, _AT_ONCE):
            here = slice(begin, begin + _AT_ONCE)
            parts = np.asarray(table[here]).reshape(-1, width // part, part)
            largest = np.abs(parts.reshape(-1, BLOCK, *parts.shape[1:])).max(axis=(1, 3))
            scale = np.repeat(np.maximum(largest, 1e-12) / np.float32(127), BLOCK, axis=0)[..., None]
            steps = np.round(parts / scale)
            kept = steps * scale
            found.table_int8[here] = steps + 128
            found.table_scale[here] = scale[..., 0]
            lost = np.sqrt(((parts - kept) ** 2).sum(axis=(1, 2)))
            length = np.sqrt((kept**2).sum(axis=(1, 2)))
            found.bound[here] = (lost + _QUERY_LOSS * length) * _FLOAT32_LOSS
        return found

    @cached_property
    def block_scale(self) -> np.ndarray:
        """(P / BLOCK,) float32, the first scale of each block."""
        return np.ascontiguousarray(self.table_scale[::BLOCK, 0])

    def whole(self) -> dict[str, np.ndarray]:
        """`table_whole`, (P, W) int8: rows of one scale each, copied for a product of whole numbers."""
        rows, _, width = self.table_int8.shape
        return {"table_whole": (self.table_int8 ^ np.uint8(128)).view(np.int8).reshape(rows, width)}

    @property
    def part(self) -> int:
        """W / Q."""
        return int(self.table_int8.shape[2])

    @classmethod
    def named(cls, tensors: Mapping[str, np.ndarray], mode: str) -> "Int8Rows":
        """That of a mode, out of the tensors of a file."""
        return cls(*(tensors[f"{mode}.{name}"] for name in FIELDS))


FIELDS = ("table_int8", "table_scale", "bound")


def part_of(width: int) -> int:
    """How many numbers of a row share a scale: the largest power of 2 up to 256 that divides it; 0 if below 16.

    Fewer would bring the bounds closer, and more scales to read.
    """
    part = 256
    while width % part:
        part //= 2
    return part if part >= 16 else 0
