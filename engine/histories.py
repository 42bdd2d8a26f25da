"""Histories as the graph reads them."""

from collections.abc import Sequence

import numpy as np

PADDING = -1
"""Stands in history and excluded rows where there is no item."""


def pad_left(histories: Sequence[Sequence[int]], max_history: int, length: int = 1) -> np.ndarray:
    """The last `max_history` rows of each history, padded on the left to the longest: (B, L) int64, L from `length`."""
    recent = [list(history[-max_history:]) for history in histories]
    longest = max(length, *map(len, recent))
    padded = np.full((len(recent), longest), PADDING, dtype=np.int64)
    for line, rows in zip(padded, recent, strict=True):
        line[longest - len(rows) :] = rows
    return padded


def pad_right(lists: Sequence[Sequence[int]], length: int = 1) -> np.ndarray:
    """Lists of rows, padded on the right to the longest: (B, X) int64, X from `length`."""
    padded = np.full((len(lists), max(length, *map(len, lists))), PADDING, dtype=np.int64)
    for line, rows in zip(padded, lists, strict=True):
        line[: len(rows)] = rows
    return padded
