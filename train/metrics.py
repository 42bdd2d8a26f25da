"""Ranking metrics from the rank of each user's one target.

With a single relevant item: Recall@k = 1[rank <= k], NDCG@k = 1[rank <= k] / log2(rank + 1), MRR@k = 1[rank <= k] /
rank, each averaged over users.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

CUTOFFS = (5, 10, 20, 50)


def ranking_metrics(ranks: np.ndarray, cutoffs: Iterable[int] = CUTOFFS) -> dict[str, float]:
    """(V,) ranks, counted from 1 -> recall@k, ndcg@k and mrr@k for each cutoff, in [0, 1]."""
    values: dict[str, float] = {}
    for k in cutoffs:
        hit = ranks <= k
        values[f"recall@{k}"] = float(hit.mean())
        values[f"ndcg@{k}"] = float((hit / np.log2(ranks + 1.0)).mean())
        values[f"mrr@{k}"] = float((hit / ranks).mean())
    return values


def target_ranks(scores: Any, target: np.ndarray) -> Any:
    """The rank of each target among all items, from 1; a tie, or a score that is no number, counts against it.

    Args:
        scores: (V, N), an array or a tensor on any device; -inf where an item may not be recommended.
        target: (V,) rows. A target that may not be recommended ranks last, as N.

    Returns:
        (V,), of the kind of the scores and where they are.
    """
    own = scores[np.arange(len(target)), target][:, None]
    return (~(scores < own)).sum(axis=1)


def coverage(top_rows: np.ndarray, items: int) -> float:
    """The share of the catalogue that appears in at least one of the (V, k) lists, in [0, 1]."""
    return len(np.unique(top_rows)) / items


def popularity_bias(top_rows: np.ndarray, target: np.ndarray, counts: np.ndarray) -> float:
    """Training events of a recommended item, in the mean, beside those of an item that people chose; 1 is no bias.

    Args:
        top_rows: (V, k) recommended rows.
        target: (V,) rows that were chosen.
        counts: (N,) training events of each item.
    """
    return float(counts[top_rows].mean() / max(counts[target].mean(), 1e-9))
