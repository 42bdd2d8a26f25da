"""What people choose beside an item: counted from their histories, and told from the item's vector.

Dimensions: B examples, N items, D width of the vector, F number of factors.
"""

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import nn
from torch.nn import functional as F

from molar.train.dataset import Dataset
from molar.train.split import Split, training_events

_FACTORS = 128  # F
_SMOOTHING = 1e-3  # share of the log-probabilities' base that is spread over all items, for those nobody chose


def companions(dataset: Dataset, split: Split, window: int) -> sparse.csr_array:
    """What people choose beside each item: (N, N), each row a distribution, empty for an item without companions.

    Two items are companions where they stand at most `window` events apart in the training part of a history.
    """
    places, before = training_events(dataset, split)
    rows, user = dataset.rows[places], (before == 0).cumsum()
    counts = sparse.csr_array((len(dataset.items), len(dataset.items)), dtype=np.float32)
    for distance in range(1, window + 1):
        together = user[distance:] == user[:-distance]
        one, other = rows[:-distance][together], rows[distance:][together]
        pairs = sparse.coo_array((np.ones(len(one), np.float32), (one, other)), shape=counts.shape).tocsr()
        counts = counts + pairs + pairs.T
    counts.setdiag(0)
    counts.eliminate_zeros()
    totals = np.maximum(counts.sum(axis=1), 1)
    return sparse.csr_array(sparse.diags_array(1 / totals) @ counts).astype(np.float32)


def pmi_factors(beside: sparse.csr_array, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors whose dot products are the positive pointwise mutual information of items and their companions.

    With them, log p(j | i) = log p(j) + left_i . right_j, up to what F factors cannot hold (Levy and Goldberg, NeurIPS
    2014).

    Args:
        beside: (N, N) of `companions`.
        seed: where the decomposition starts.

    Returns:
        left (N, F) and right (N, F); (N,) log p(j), each item's share of all companions.
    """
    items = beside.shape[0]
    share = np.asarray(beside.sum(axis=0)).ravel() / max(1.0, beside.sum())
    log_share = np.log((1 - _SMOOTHING) * share + _SMOOTHING / items)
    pmi = beside.tocoo()
    values = np.maximum(np.log(np.maximum(pmi.data, 1e-12)) - log_share[pmi.col], 0)
    pmi = sparse.csr_array((values, (pmi.row, pmi.col)), shape=beside.shape)
    factors = min(_FACTORS, items - 1)
    if not pmi.nnz or factors < 1:
        return np.zeros((items, 1), np.float32), np.zeros((items, 1), np.float32), log_share.astype(np.float32)
    start = np.random.default_rng(seed).standard_normal(items)
    left, size, right = svds(pmi.astype(np.float64), k=factors, v0=start)
    root = np.sqrt(size)
    return (left * root).astype(np.float32), (right.T * root).astype(np.float32), log_share.astype(np.float32)


class CompanionHead(nn.Module):
    """Item vectors -> what people choose beside each, as logits over the catalogue.

    The right side of the factorisation starts where the counts put it, so only the way from a vector to its left side
    has to be found.

    Args:
        dim: D.
        beside: (N, N) of `companions`.
    """

    log_share: torch.Tensor

    def __init__(self, dim: int, beside: sparse.csr_array) -> None:
        super().__init__()
        _, right, log_share = pmi_factors(beside)
        self.norm = nn.LayerNorm(dim)
        self.left = nn.Linear(dim, right.shape[1])
        nn.init.zeros_(self.left.weight)  # the first guess is what is popular
        nn.init.zeros_(self.left.bias)
        self.right = nn.Parameter(torch.from_numpy(right))
        self.register_buffer("log_share", torch.from_numpy(log_share))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, D) -> (B, N) logits."""
        return F.linear(self.left(self.norm(vectors)), self.right) + self.log_share
