"""The losses of Molar.

Dimensions: T events, N items, B people, D width.
"""

from typing import Any

import torch
from torch.nn import functional as F

_CHUNK = 512  # events whose logits exist at one time: 512 x 3,416 in float32 are 7 MB, which stays in the CPU's cache


class _FullSoftmax(torch.autograd.Function):
    """Cross-entropy over all items whose gradients are made on the way forward, a chunk of events at a time.

    The (T, N) logits never exist as a whole (`molar bench training` times it beside `F.cross_entropy`).
    """

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor, low: bool) -> torch.Tensor:
        dtype = torch.bfloat16 if low else torch.float32
        hidden_low, table_low = hidden.to(dtype), table.to(dtype)
        grad_hidden = torch.empty(hidden.shape, dtype=dtype, device=hidden.device)
        grad_table = torch.zeros(table.shape, dtype=torch.float32, device=table.device)
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), _CHUNK):
            events = slice(start, start + _CHUNK)
            wanted = target[events, None]
            logits = (hidden_low[events] @ table_low.T).float()
            logits -= logits.amax(-1, keepdim=True)
            own = logits.gather(1, wanted)
            error = logits.exp_()
            total = error.sum(-1, keepdim=True)
            loss += (total.log() - own).sum()
            error /= total
            error.scatter_add_(1, wanted, torch.full(wanted.shape, -1.0, device=error.device))
            error_low = error.to(dtype)
            grad_hidden[events] = error_low @ table_low
            grad_table += error_low.T @ hidden_low[events]
        ctx.save_for_backward(grad_hidden, grad_table)
        ctx.dtypes = hidden.dtype, table.dtype
        return loss / len(hidden)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_hidden, grad_table = ctx.saved_tensors
        scale = grad_outputs[0] / len(grad_hidden)
        return (grad_hidden * scale).to(ctx.dtypes[0]), (grad_table * scale).to(ctx.dtypes[1]), None, None


def next_item_cross_entropy(hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the next item among all items; logits are hidden · table.

    Args:
        hidden: (T, D) user vectors.
        table: (N, D) item vectors.
        target: (T,) int64 rows of the items that came next.
    """
    low = torch.is_autocast_enabled(hidden.device.type)
    loss: torch.Tensor = _FullSoftmax.apply(hidden, table, target, low)  # type: ignore[no-untyped-call]
    return loss


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
