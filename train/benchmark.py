"""What makes training quick, beside torch's own way in the same run."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from molar.train.attention import causal_attention
from molar.train.device import fast_bfloat16, keep_freed_memory, machine, training_attention
from molar.train.full_softmax import next_item_cross_entropy
from molar.train.transformer import Dropout

_REPEATS = 5


def benchmark_training(items: int, dim: int, events: int, length: int) -> dict[str, Any]:
    """Median milliseconds of forward and backward, ours and torch's, and their ratio.

    Args:
        items: N, size of the catalogue.
        dim: D, width of the vectors.
        events: T, events in a batch.
        length: events in a history.
    """
    default_ms = _default_allocator_ms(items, dim, events)
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    hidden, table, target = _example(items, dim, events, device)

    def our_loss() -> torch.Tensor:
        return next_item_cross_entropy(hidden, table, target)

    def torch_loss() -> torch.Tensor:
        return F.cross_entropy(hidden @ table.T, target)

    def read_histories() -> torch.Tensor:
        return histories.bfloat16() if low else histories  # (3, B, H, L, D / H)

    def our_attention() -> torch.Tensor:
        return causal_attention(*read_histories()).sum()

    def torch_attention() -> torch.Tensor:
        q, k, v = read_histories()
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).sum()

    def backbones_attention() -> torch.Tensor:
        with training_attention(device):
            return torch_attention()

    low = fast_bfloat16(device)
    histories = torch.randn(3, max(1, events // length), 2, length, dim // 2, device=device, requires_grad=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=low):
        difference = abs(torch_loss().item() - our_loss().item())
        torch_ms = _median_ms(torch_loss)
        softmax = _compared(_median_ms(our_loss), torch_ms) | {"loss_difference": difference}
    our_dropout, torch_dropout = Dropout(0.2).train(), nn.Dropout(0.2).train()
    dropout = _compared(_median_ms(lambda: our_dropout(hidden).sum()), _median_ms(lambda: torch_dropout(hidden).sum()))
    attention_ms = _median_ms(torch_attention)
    return {
        "items": items,
        "dim": dim,
        "events": events,
        "length": length,
        "machine": machine(),
        "softmax": softmax,
        "dropout": dropout,
        "attention": _compared(_median_ms(our_attention), attention_ms),
        "attention_of_backbones": _compared(_median_ms(backbones_attention), attention_ms),
        "allocator": _compared(torch_ms, default_ms),
    }


def torch_softmax_ms(items: int, dim: int, events: int) -> float:
    """Milliseconds of torch's own cross-entropy with the memory allocator as this process has it."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    hidden, table, target = _example(items, dim, events, device)
    with torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device)):
        return _median_ms(lambda: F.cross_entropy(hidden @ table.T, target))


def _default_allocator_ms(items: int, dim: int, events: int) -> float:
    """The same in a new process, whose allocator nobody has touched."""
    code = f"from molar.train.benchmark import torch_softmax_ms; print(torch_softmax_ms({items}, {dim}, {events}))"
    return float(subprocess.check_output([sys.executable, "-c", code]))


def _example(
    items: int, dim: int, events: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    hidden = (torch.randn(events, dim, device=device) * 0.5).requires_grad_()
    table = (torch.randn(items, dim, device=device) * 0.5).requires_grad_()
    return hidden, table, torch.randint(0, items, (events,), device=device)


def _compared(ours: float, theirs: float) -> dict[str, float]:
    return {"ours_ms": round(ours, 1), "torch_ms": round(theirs, 1), "ratio": round(theirs / ours, 2)}


def _median_ms(loss: Callable[[], torch.Tensor]) -> float:
    times = []
    for _ in range(_REPEATS + 1):
        started = time.perf_counter()
        loss().backward()  # type: ignore[no-untyped-call]
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append((time.perf_counter() - started) * 1e3)
    return sorted(times[1:])[_REPEATS // 2]
