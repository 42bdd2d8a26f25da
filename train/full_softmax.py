"""Cross-entropy over a whole catalogue without its (T, N) logits.

Dimensions: T events, N items, D width.
"""

from dataclasses import dataclass
from typing import Any

import torch

# Events whose logits exist at one time. On a CPU they stay in its cache: 3.5 MB for 3,416 items in bfloat16. A GPU has
# nothing to do between many small products.
_CHUNK = {"cpu": 512, "cuda": 8192}


@dataclass(frozen=True)
class Opinion:
    """What teachers say of T events: softmax(hidden · table).

    Attributes:
        hidden: (T, D'), their vectors of people.
        table: (N, D'), their vectors of items.
        weight: of their opinion beside the item that came next, in [0, 1].
    """

    hidden: torch.Tensor
    table: torch.Tensor
    weight: float


class _FullSoftmax(torch.autograd.Function):
    """Cross-entropy over all items whose gradients are made on the way forward, a chunk of events at a time.

    The (T, N) logits never exist as a whole (`molar bench training` times it beside `F.cross_entropy`).
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        table: torch.Tensor,
        target: torch.Tensor,
        low: bool,
        opinion: Opinion | None,
    ) -> torch.Tensor:
        dtype = torch.bfloat16 if low else torch.float32
        hidden_low, table_low = hidden.to(dtype), table.to(dtype)
        taught = 0.0
        if opinion is not None:
            taught, teachers_table = opinion.weight, opinion.table.to(dtype)
        grad_hidden = torch.empty(hidden.shape, dtype=dtype, device=hidden.device)
        grad_table = torch.zeros(table.shape, dtype=torch.float32, device=table.device)
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):  # it would turn the probabilities into float32
            chunk = _CHUNK[hidden.device.type]
            for start in range(0, len(hidden), chunk):
                events = slice(start, start + chunk)
                logits = hidden_low[events] @ table_low.T
                error = logits.softmax(-1)
                wanted = torch.arange(len(logits), device=logits.device), target[events]
                # log sum exp(logits) from the largest: the probability of the wanted one may be rounded to 0.
                total = logits.amax(-1).float() - error.amax(-1).float().log()
                loss += (total - (1 - taught) * logits[wanted].float()).sum()
                error[wanted] -= 1 - taught
                if opinion is not None:
                    said = (opinion.hidden[events].to(dtype) @ teachers_table.T).softmax(-1)
                    loss -= taught * (said * logits).sum(dtype=torch.float32)
                    error.sub_(said, alpha=taught)
                torch.mm(error, table_low, out=grad_hidden[events])
                grad_table += error.T @ hidden_low[events]
        ctx.save_for_backward(grad_hidden, grad_table)
        ctx.dtypes = hidden.dtype, table.dtype
        return loss / len(hidden)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grad_hidden, grad_table = ctx.saved_tensors
        scale = grad_outputs[0] / len(grad_hidden)
        return (grad_hidden * scale).to(ctx.dtypes[0]), (grad_table * scale).to(ctx.dtypes[1]), None, None, None


def next_item_cross_entropy(
    hidden: torch.Tensor, table: torch.Tensor, target: torch.Tensor, opinion: Opinion | None = None
) -> torch.Tensor:
    """Mean cross-entropy of the next item among all items; logits are hidden · table.

    Args:
        hidden: (T, D) user vectors.
        table: (N, D) item vectors.
        target: (T,) int64 rows of the items that came next.
        opinion: what teachers say of the next item takes its weight from what came.
    """
    low = torch.is_autocast_enabled(hidden.device.type)
    loss: torch.Tensor = _FullSoftmax.apply(hidden, table, target, low, opinion)  # type: ignore[no-untyped-call]
    return loss
