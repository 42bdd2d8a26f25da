"""Which items are most like one.

Dimensions: N items, D width of their vectors.
"""

from collections.abc import Sequence

import numpy as np

_AT_ONCE = 65_536  # rows: what is computed for them fits beside everything else


def nearest(
    vector: np.ndarray, table: np.ndarray, mean: np.ndarray | float, k: int, without: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """The k rows with the largest cosine to a vector, both counted from a mean.

    Args:
        vector: (D,) of the item; nothing is like one that equals the mean.
        table: (N, D) of all items, in any float type.
        mean: (D,) of the table, or 0 for one that is counted from it already.
        k: how many at most.
        without: rows that are left out.

    Returns:
        Rows and cosines, the most alike first.
    """
    vector = vector.astype(np.float32) - mean
    length = float(np.linalg.norm(vector))
    if length == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    cosines = np.empty(len(table), np.float32)
    for begin in range(0, len(table), _AT_ONCE):
        part = table[begin : begin + _AT_ONCE].astype(np.float32) - mean
        lengths = np.maximum(np.linalg.norm(part, axis=1), 1e-12)
        cosines[begin : begin + _AT_ONCE] = part @ vector / (lengths * length)
    cosines[list(without)] = -np.inf
    count = min(k, int(np.isfinite(cosines).sum()))
    best = np.argpartition(-cosines, max(0, count - 1))[:count] if count else np.zeros(0, np.int64)
    best = best[np.argsort(-cosines[best], kind="stable")]
    return best, cosines[best]
