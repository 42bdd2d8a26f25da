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
from molar.train.negatives import Negatives

_NEVER = 1e4  # below any score; finite in half precision


def next_item_loss(
    config: TrainConfig,
    hidden: torch.Tensor,
    table: torch.Tensor,
    target: torch.Tensor,
    negatives: Negatives | None = None,
    opinion: Opinion | None = None,
    chosen: torch.Tensor | None = None,
) -> torch.Tensor:
    """The loss of the next item that a run has chosen.

    Args:
        config: the run's choices.
        hidden: (T, D) vectors whose dot products with the table are scores.
        table: (N, D) item vectors; with negatives, those of the items that the batch reads are enough.
        target: (T,) int64 rows of the items that came next.
        negatives: of the T events, by rows of the table; the full softmax where None.
        opinion: of teachers; the full softmax alone listens to it.
        chosen: (M,) int64 rows, ascending, of the items among which the full softmax looks for the next one; all are
            where None.
    """
    if negatives is None:
        if chosen is not None:
            table, target = table[chosen], torch.searchsorted(chosen, target)
            opinion = None if opinion is None else replace(opinion, table=opinion.table[chosen])
        return next_item_cross_entropy(hidden, table, target, opinion)
    if config.loss == "bce":
        return next_item_bce(hidden, table, target, negatives)
    if config.loss == "gbce":
        return sampled_bce(hidden, table, target, negatives, config.gbce_calibration)
    return sampled_softmax(hidden, table, target, negatives)


def next_item_bce(
    hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor, negatives: Negatives
) -> torch.Tensor:
    """The paper's loss: binary cross-entropy of the next item against one item drawn at random.

    Args:
        hidden: (T, D) user vectors.
        table: (N, D) item vectors.
        target: (T,) int64 rows of the items that came next.
        negatives: one beside each event.
    """
    negative = negatives.rows[negatives.lines.to(target.device), 0]
    positive_score = (hidden * table[target]).sum(-1).float()
    negative_score = (hidden * table[negative]).sum(-1).float()
    return F.softplus(-positive_score).mean() + F.softplus(negative_score).mean()


def sampled_softmax(
    hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor, negatives: Negatives
) -> torch.Tensor:
    """Cross-entropy beside K drawn items: mean of -s+ + log(exp s+ + sum_j exp(s_j) / (K q)), where q = 1 / N.

    The sum is the full softmax's in expectation (logQ correction: Bengio and Senecal, IEEE TNN 2008). For catalogues
    whose full softmax takes too long; arguments as in `sampled_bce`.
    """

    def loss(own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        others = others + math.log(negatives.candidates / others.shape[1])
        return (torch.cat([own, others], dim=1).logsumexp(dim=1) - own[:, 0]).sum()

    return _beside_negatives(loss, hidden, table, target, negatives) / len(hidden)


def sampled_bce(
    hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor, negatives: Negatives, calibration: float
) -> torch.Tensor:
    """gBCE: mean of -beta log sigma(s+) - sum_j log(1 - sigma(s_j)), which undoes what drawing negatives does to BCE.

    With a = K / (N - 1), beta = a (t (1 - 1 / a) + 1 / a) (gSASRec, Petrov and Macdonald, arXiv 2308.07192).

    Scores are counted from log(beta / K), where those of a model that knows nothing would be; else learning begins with
    pushing all of them there, which hides what items differ in (as the prior of RetinaNet, arXiv 1708.02002, prevents).
    No order of items depends on it.

    Args:
        hidden: (T, D) user vectors.
        table: item vectors of the rows that target and negatives speak of.
        target: (T,) int64 rows of the items that came next.
        negatives: K beside each event; one that is its target does not count for it.
        calibration: t; 0 is plain BCE.
    """
    drawn = negatives.rows.shape[1]
    share = min(1.0, drawn / (negatives.candidates - 1))
    weight = share * (calibration * (1 - 1 / share) + 1 / share)
    start = math.log(weight / drawn)

    def loss(own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        return weight * F.softplus(-own - start).sum() + F.softplus(others + start).sum()

    return _beside_negatives(loss, hidden, table, target, negatives) / len(hidden)


def _beside_negatives(
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    hidden: torch.Tensor,
    table: torch.Tensor,
    target: torch.Tensor,
    negatives: Negatives,
) -> torch.Tensor:
    """The sum of a loss of (E, 1) scores of targets and (E, K) scores of negatives, of E events that share negatives.

    Scores of such events exist at a time: they are computed again on the way back.
    """

    def of_line(hidden: torch.Tensor, target: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        own = (hidden * table[target]).sum(dim=1, keepdim=True).float()
        others = (hidden @ table[drawn].T).float().masked_fill(drawn == target[:, None], -_NEVER)
        return loss(own, others)

    total = torch.zeros((), device=hidden.device)
    counts = negatives.lines.bincount(minlength=len(negatives.rows)).tolist()
    parts = zip(torch.split(hidden, counts), torch.split(target, counts), negatives.rows, strict=True)
    for part, wanted, drawn in parts:
        total = total + checkpoint(of_line, part, wanted, drawn, use_reentrant=False)
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
