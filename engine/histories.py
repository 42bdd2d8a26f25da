"""Histories as the graph reads them."""

from collections.abc import Sequence

import numpy as np

PADDING = -1
"""Stands in history and excluded rows where there is no item."""


def pad_left(histories: Sequence[Sequence[int]], max_history: int) -> np.ndarray:
    """The last `max_history` rows of each history, padded on the left to the longest: (B, L) int64, L at least 1."""
    recent = [list(history[-max_history:]) for history in histories]
    longest = max(1, *map(len, recent))
    return np.array([[PADDING] * (longest - len(rows)) + rows for rows in recent], dtype=np.int64)


def pad_right(lists: Sequence[Sequence[int]]) -> np.ndarray:
    """Lists of rows, padded on the right to the longest: (B, X) int64, X at least 1."""
    longest = max(1, *map(len, lists))
    return np.array([[*rows, *[PADDING] * (longest - len(rows))] for rows in lists], dtype=np.int64)
