"""Item-kNN: items that the same people chose, the baseline without training.

Dimensions: V users, N items.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse

from molar.train.dataset import Dataset
from molar.train.metrics import ranking_metrics
from molar.train.ranking import Ranks, rank_scores
from molar.train.split import Split, histories, targets, training_events

_NEIGHBOURS = (10, 20, 50, 100, 200, 500)  # candidates of k
_SHRINK = 10.0  # people of two items that are taken away from their likeness: few in common say little


def item_likeness(dataset: Dataset, split: Split) -> sparse.csr_array:
    """(N, N) cosines of the items' columns in the table of who chose what in training, shrunk; zeros for itself.

    An item-based neighbourhood as in Deshpande and Karypis (ACM TOIS 2004): n_ij / (sqrt(n_i n_j) + shrink).
    """
    places, before = training_events(dataset, split)
    user = (before == 0).cumsum() - 1
    shape = (int(user[-1]) + 1 if len(user) else 0, len(dataset.items))
    chose = sparse.csr_array((np.ones(len(places), np.float32), (user, dataset.rows[places])), shape=shape)
    chose.data[:] = 1  # chosen twice is chosen
    together = sparse.coo_array(chose.T @ chose)
    people = np.asarray(chose.sum(axis=0)).ravel()
    values = together.data / (np.sqrt(people[together.row] * people[together.col]) + _SHRINK)
    values[together.row == together.col] = 0
    likeness = sparse.csr_array((values.astype(np.float32), (together.row, together.col)), shape=together.shape)
    likeness.eliminate_zeros()
    return likeness


def nearest(likeness: sparse.csr_array, neighbours: int) -> sparse.csr_array:
    """Each item's `neighbours` most alike; the others become zeros."""
    kept = likeness.copy()
    for start, end in zip(kept.indptr[:-1], kept.indptr[1:], strict=True):
        if end - start > neighbours:
            line = kept.data[start:end]
            line[np.argpartition(line, -neighbours)[:-neighbours]] = 0
    kept.eliminate_zeros()
    return kept


def item_knn_ranks(
    dataset: Dataset, split: Split, seen: Sequence[np.ndarray], target: np.ndarray
) -> tuple[Ranks, int, float]:
    """Rank by the sum of each item's likeness to a history's; how many neighbours count is chosen on validation.

    Args:
        dataset: whose training events say what is alike.
        split: of them.
        seen: V histories.
        target: (V,) rows.

    Returns:
        The ranks, the number of neighbours, and the NDCG@10 that it reached on validation.
    """
    likeness = item_likeness(dataset, split)
    validation = histories(dataset, split, "validation"), targets(dataset, split, "validation")

    def reached(neighbours: int) -> float:
        return ranking_metrics(_ranks(nearest(likeness, neighbours), *validation).removed, (10,))["ndcg@10"]

    ndcg, best = max((reached(neighbours), neighbours) for neighbours in _NEIGHBOURS)
    return _ranks(nearest(likeness, best), seen, target), best, ndcg


def _ranks(likeness: sparse.csr_array, seen: Sequence[np.ndarray], target: np.ndarray) -> Ranks:
    lengths = [len(history) for history in seen]
    rows = np.repeat(np.arange(len(seen)), lengths)
    events = np.concatenate(seen) if seen else np.empty(0, dtype=np.int64)
    shape = (len(seen), likeness.shape[0])
    history = sparse.csr_array((np.ones(len(rows), np.float32), (rows, events)), shape=shape)
    return rank_scores(lambda users: torch.from_numpy((history[users] @ likeness).toarray()), shape[1], seen, target)
