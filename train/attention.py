"""Causal attention, with gradients that are quick on a CPU.

Dimensions: B histories, H heads, L events, E width of a head.
"""

from typing import Any

import torch
from torch.nn import functional as F


def causal_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """softmax(q kᵀ / sqrt(E)) v, each event looking at itself and those before it.

    On a GPU it is torch's fused form. On a CPU torch's gradients are slow: over histories of a few hundred events,
    writing the weights out in as few operations as there are takes a fraction of the time (`molar bench training` has
    both).

    Args:
        q: (B, H, L, E).
        k: the same.
        v: the same.

    Returns:
        (B, H, L, E).
    """
    if q.device.type == "cpu" and torch.is_grad_enabled():
        attended: torch.Tensor = _CausalAttention.apply(q, k, v)  # type: ignore[no-untyped-call]
        return attended
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class _CausalAttention(torch.autograd.Function):
    """Keeps the (B, H, L, L) weights for the way back, in the precision of its inputs."""

    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        q, k, v = (part.contiguous() for part in (q * q.shape[-1] ** -0.5, k, v))
        length = q.shape[2]
        with torch.autocast(q.device.type, enabled=False):  # it would turn the weights into float32
            later = torch.full((length, length), -torch.inf, dtype=q.dtype, device=q.device).triu_(1)
            weights = (q @ k.mT).add_(later).softmax(-1)
            ctx.save_for_backward(q, k, v, weights)
            return weights @ v

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        q, k, v, weights = ctx.saved_tensors
        grad = grad_outputs[0].contiguous()
        scores = torch._softmax_backward_data(grad @ v.mT, weights, -1, weights.dtype)
        return (scores @ k) * q.shape[-1] ** -0.5, scores.mT @ q, weights.mT @ grad
