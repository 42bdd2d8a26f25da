"""Speed of the training's inner parts beside torch's own."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from molar.train.device import fast_bfloat16, keep_freed_memory
from molar.train.evaluate import machine
from molar.train.losses import next_item_cross_entropy


def benchmark_losses(items: int, dim: int, events: int, repeats: int = 5) -> dict[str, Any]:
    """Forward and backward of a softmax over all items: ours, and `F.cross_entropy` on the same logits.

    Args:
        items: N.
        dim: D.
        events: T.
        repeats: timed runs of each, of which the median counts.
    """
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    hidden = (torch.randn(events, dim, device=device) * 0.5).requires_grad_()
    table = (torch.randn(items, dim, device=device) * 0.5).requires_grad_()
    target = torch.randint(0, items, (events,), device=device)

    def torch_loss() -> torch.Tensor:
        return F.cross_entropy(hidden @ table.T, target)

    def our_loss() -> torch.Tensor:
        return next_item_cross_entropy(hidden, table, target)

    with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
        difference = abs(torch_loss().item() - our_loss().item())
        torch_s, our_s = _median_seconds(torch_loss, repeats), _median_seconds(our_loss, repeats)
    return {
        "items": items,
        "dim": dim,
        "events": events,
        "machine": machine(),
        "torch_ms": round(torch_s * 1e3, 1),
        "ours_ms": round(our_s * 1e3, 1),
        "ratio": round(torch_s / our_s, 2),
        "loss_difference": difference,
    }


def _median_seconds(loss: Callable[[], torch.Tensor], repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        loss().backward()  # type: ignore[no-untyped-call]
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[repeats // 2]
