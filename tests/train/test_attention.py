"""Attention in training."""

import pytest
import torch
from torch.nn import functional as F

from molar.train.attention import causal_attention


@pytest.mark.parametrize("events", [1, 7, 200])
def test_causal_attention_has_the_values_and_gradients_of_torch(events: int) -> None:
    torch.manual_seed(events)
    parts = [torch.randn(3, 2, events, 8, requires_grad=True) for _ in range(3)]
    weights = torch.randn(3, 2, events, 8)
    ours, theirs = causal_attention(*parts), F.scaled_dot_product_attention(*parts, is_causal=True)
    torch.testing.assert_close(ours, theirs)
    our_grad, their_grad = (torch.autograd.grad((made * weights).sum(), parts) for made in (ours, theirs))
    for our, their in zip(our_grad, their_grad, strict=True):
        torch.testing.assert_close(our, their, atol=1e-5, rtol=1e-4)


def test_no_event_sees_a_later_one() -> None:
    q, k, v = (torch.randn(1, 1, 6, 4, requires_grad=True) for _ in range(3))
    causal_attention(q, k, v)[0, 0, 2].sum().backward()
    assert k.grad is not None
    assert k.grad[0, 0, :3].any(dim=-1).all()
    assert not k.grad[0, 0, 3:].any()


def test_under_autocast_the_weights_are_in_low_precision() -> None:
    exact = [torch.randn(2, 2, 9, 8, requires_grad=True) for _ in range(3)]
    low = [part.detach().bfloat16().requires_grad_() for part in exact]
    with torch.autocast("cpu", torch.bfloat16):
        made = causal_attention(*low)
    assert made.dtype == torch.bfloat16
    torch.testing.assert_close(made.float(), causal_attention(*exact), atol=3e-2, rtol=3e-2)
    made.float().square().sum().backward()
    causal_attention(*exact).square().sum().backward()
    for one, other in zip(low, exact, strict=True):
        assert one.grad is not None and other.grad is not None
        assert (one.grad.float() - other.grad).norm() < 0.02 * other.grad.norm()
