"""How good item vectors are by themselves: does a picture find its text, do neighbours belong together?

Dimensions: N items, D width.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from molar.train.item_encoder import FeatureScale

NEIGHBOURS = 10


def centred(vectors: torch.Tensor, parts: Sequence[int]) -> torch.Tensor:
    """Each part of (N, D) vectors around its mean and of unit length; a part of zeros stays so.

    Without this all cosines are near 1 and say little.

    Args:
        vectors: (N, D).
        parts: widths of the parts of a vector.
    """
    units = []
    for part in torch.split(vectors, list(parts), dim=1):
        shown = part.any(dim=1, keepdim=True)
        mean = part.sum(dim=0) / shown.sum().clamp(min=1)
        units.append(F.normalize(part - mean, dim=1) * shown)
    return torch.cat(units, dim=1)


def as_read(vectors: torch.Tensor, known: torch.Tensor, parts: Sequence[int]) -> torch.Tensor:
    """Vectors as `ItemEncoder` reads them: each feature by the statistics of what is known; a part of zeros stays so.

    So each part weighs as much as it has features.

    Args:
        vectors: (N, D).
        known: (M, D), what the statistics are of.
        parts: widths of the parts of a vector.
    """
    scaled = []
    for part, of_known in zip(*(torch.split(of, list(parts), dim=1) for of in (vectors, known)), strict=True):
        scale = FeatureScale(part.shape[1])
        scale.fit(of_known[of_known.any(dim=1)])
        scaled.append(scale(part) * part.any(dim=1, keepdim=True))
    return torch.cat(scaled, dim=1)


def retrieval(queries: torch.Tensor, items: torch.Tensor) -> dict[str, float]:
    """Share of queries whose own item is the nearest (recall@1), or among the ten nearest (recall@10), by cosine.

    Args:
        queries: (N, D), one view of each item, `centred`.
        items: (N, D), another view of the same items in the same order, `centred`.
    """
    similarity = queries @ items.T
    own = similarity.diagonal()[:, None]
    rank = 1 + (similarity > own).sum(1)
    return {f"recall@{k}": round((rank <= k).float().mean().item(), 4) for k in (1, 10)}


def nearest(vectors: torch.Tensor, k: int = NEIGHBOURS) -> torch.Tensor:
    """(N, k) rows of each item's nearest others, of (N, D) `centred` vectors."""
    similarity = vectors @ vectors.T
    similarity.fill_diagonal_(-2)
    return similarity.topk(k, dim=1).indices


def shared_values(vectors: torch.Tensor, values: Sequence[set[str]]) -> dict[str, float]:
    """How alike an item and its ten nearest are in an attribute with several values.

    Args:
        vectors: (N, D), `centred`.
        values: of each item, as genres of a film.

    Returns:
        any: share of neighbours with a value in common. jaccard: mean size of what is shared over what either has.
    """
    names = sorted(set().union(*values))
    has = torch.tensor([[name in of for name in names] for of in values], dtype=torch.float32)
    neighbours = has[nearest(vectors)]  # (N, k, names)
    shared = (neighbours * has[:, None]).sum(-1)
    either = torch.maximum(neighbours, has[:, None]).sum(-1).clamp(min=1)
    return {"any": round((shared > 0).float().mean().item(), 4), "jaccard": round((shared / either).mean().item(), 4)}


def vote_accuracy(known: torch.Tensor, labels: np.ndarray, asked: torch.Tensor, truth: np.ndarray, k: int) -> float:
    """Share of items whose label is the most frequent among their k nearest known items, by cosine.

    Of labels that are equally frequent, the one whose items are nearer in sum wins.

    Args:
        known: (N, D) unit vectors with their labels, (N,).
        asked: (M, D) unit vectors with their true labels, (M,).
    """
    similarity = asked @ known.T
    best, rows = similarity.topk(k, dim=1)
    names, numbers = np.unique(labels, return_inverse=True)
    votes = torch.zeros(len(asked), len(names))
    found = torch.from_numpy(numbers)[rows]
    votes.scatter_add_(1, found, 1 + 1e-3 * best)
    return float((names[votes.argmax(1).numpy()] == truth).mean())
