"""The losses of Molar.

Dimensions: T events, N items, B people, D width.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from molar.train.config import TrainConfig
from molar.train.full_softmax import Opinion, next_item_cross_entropy

_CHUNK = 512  # events that share their negatives, and whose scores exist at one time
FULL_SOFTMAX_ITEMS = 50_000  # beyond it a run whose loss is "auto" draws negatives
_NEVER = 1e4  # below any score; finite in half precision


def next_item_loss(
    config: TrainConfig,
    hidden: torch.Tensor,
    table: torch.Tensor,
    target: torch.Tensor,
    draws: torch.Generator,
    opinion: Opinion | None = None,
    chosen: torch.Tensor | None = None,
) -> torch.Tensor:
    """The loss of the next item that a run has chosen.

    Args:
        config: the run's choices.
        hidden: (T, D) vectors whose dot products with the table are scores.
        table: (N, D) item vectors.
        target: (T,) int64 rows of the items that came next.
        draws: a CPU generator, for negatives.
        opinion: of teachers; the full softmax alone listens to it.
        chosen: (N,) bool, True for the items that anybody has chosen; the others are no negatives. All are where None.
    """
    name = config.loss
    if name == "auto":
        name = "cross_entropy" if len(table) <= FULL_SOFTMAX_ITEMS else "sampled_softmax"
    if chosen is not None:
        rows = chosen.nonzero()[:, 0]
        table, target = table[rows], (chosen.cumsum(0) - 1)[target]
        opinion = None if opinion is None else replace(opinion, table=opinion.table[rows])
    if name == "cross_entropy":
        return next_item_cross_entropy(hidden, table, target, opinion)
    if name == "sampled_softmax":
        return sampled_softmax(hidden, table, target, config.negatives, draws)
    if name == "gbce":
        return sampled_bce(hidden, table, target, config.negatives, config.gbce_calibration, draws)
    return next_item_bce(hidden, table, target, draws)


def next_item_bce(
    hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """The paper's loss: binary cross-entropy of the next item against one item drawn at random.

    Args:
        hidden: (T, D) user vectors.
        table: (N, D) item vectors.
        target: (T,) int64 rows of the items that came next.
        generator: draws the negatives; one that equals its target is moved to another item.
    """
    shift = torch.randint(1, len(table), target.shape, generator=generator).to(target.device)
    negative = (target + shift) % len(table)
    positive_score = (hidden * table[target]).sum(-1).float()
    negative_score = (hidden * table[negative]).sum(-1).float()
    return F.softplus(-positive_score).mean() + F.softplus(negative_score).mean()


def sampled_softmax(
    hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor, negatives: int, draws: torch.Generator
) -> torch.Tensor:
    """Cross-entropy beside K drawn items: mean of -s+ + log(exp s+ + sum_j exp(s_j) / (K q)), where q = 1 / N.

    The sum is the full softmax's in expectation (logQ correction: Bengio and Senecal, IEEE TNN 2008). For catalogues
    whose full softmax takes too long; arguments as in `sampled_bce`.
    """

    def loss(own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        others = others + math.log(len(table) / others.shape[1])
        return (torch.cat([own, others], dim=1).logsumexp(dim=1) - own[:, 0]).sum()

    return _beside_negatives(loss, hidden, table, target, negatives, draws) / len(hidden)


def sampled_bce(
    hidden: torch.Tensor,
    table: torch.Tensor,
    target: torch.Tensor,
    negatives: int,
    calibration: float,
    draws: torch.Generator,
) -> torch.Tensor:
    """gBCE: mean of -beta log sigma(s+) - sum_j log(1 - sigma(s_j)), which undoes what drawing negatives does to BCE.

    With a = K / (N - 1), beta = a (t (1 - 1 / a) + 1 / a) (gSASRec, Petrov and Macdonald, arXiv 2308.07192).

    Scores are counted from log(beta / K), where those of a model that knows nothing would be; else learning begins with
    pushing all of them there, which hides what items differ in (as the prior of RetinaNet, arXiv 1708.02002, prevents).
    No order of items depends on it.

    Args:
        hidden: (T, D) user vectors.
        table: (N, D) item vectors.
        target: (T,) int64 rows of the items that came next.
        negatives: K, drawn once for some hundred events that share them; one that is an event's target does not count
            for it.
        calibration: t; 0 is plain BCE.
        draws: a CPU generator.
    """
    share = min(1.0, negatives / (len(table) - 1))
    weight = share * (calibration * (1 - 1 / share) + 1 / share)
    start = math.log(weight / negatives)

    def loss(own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        return weight * F.softplus(-own - start).sum() + F.softplus(others + start).sum()

    return _beside_negatives(loss, hidden, table, target, negatives, draws) / len(hidden)


def _beside_negatives(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    hidden: torch.Tensor,
    table: torch.Tensor,
    target: torch.Tensor,
    negatives: int,
    draws: torch.Generator,
) -> torch.Tensor:
    """The sum of a loss of (C, 1) scores of targets and (C, K) scores of negatives, a chunk of C events at a time.

    Scores of one chunk exist at a time: they are computed again on the way back.
    """

    def of_chunk(hidden: torch.Tensor, target: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        own = (hidden * table[target]).sum(dim=1, keepdim=True).float()
        others = (hidden @ table[drawn].T).float().masked_fill(drawn == target[:, None], -_NEVER)
        return loss(own, others)

    total = torch.zeros((), device=hidden.device)
    for start in range(0, len(hidden), _CHUNK):
        drawn = torch.randint(len(table), (negatives,), generator=draws).to(hidden.device)
        events = slice(start, start + _CHUNK)
        total = total + checkpoint(of_chunk, hidden[events], target[events], drawn, use_reentrant=False)
    return total


def symmetric_info_nce(
    one: torch.Tensor, other: torch.Tensor, owners: torch.Tensor, log_temperature: torch.Tensor
) -> torch.Tensor:
    """Symmetric InfoNCE by cosine: each vector finds its counterpart among the batch's, in both directions.

    Between the content and the ID vector of a person it is the post-alignment of Molar (arXiv 2412.18176, eq. 9).

    Args:
        one: (B, D).
        other: (B, D) counterparts.
        owners: (B,) int64, of what (a person, an item) they speak; those of the same are not each other's negatives.
        log_temperature: scalar, log of the learned temperature.
    """
    similarity = F.normalize(one.float(), dim=-1) @ F.normalize(other.float(), dim=-1).T  # (B, B)
    itself = torch.arange(len(owners), device=owners.device)
    same = (owners[:, None] == owners[None, :]) & (itself[:, None] != itself[None, :])
    logits = (similarity / log_temperature.exp()).masked_fill(same, -1e4)
    return (F.cross_entropy(logits, itself) + F.cross_entropy(logits.T, itself)) / 2
