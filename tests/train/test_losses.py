"""The losses against torch's own and against sums written out."""

import math

import pytest
import torch
from torch.nn import functional as F

from molar.train.losses import next_item_bce, next_item_cross_entropy, symmetric_info_nce


@pytest.mark.parametrize("events", [1, 511, 512, 1300])  # below, at and above a chunk
def test_full_softmax_has_the_value_and_gradients_of_torch(events: int) -> None:
    torch.manual_seed(events)
    hidden = torch.randn(events, 8, requires_grad=True)
    table = torch.randn(37, 8, requires_grad=True)
    target = torch.randint(0, 37, (events,))
    ours = next_item_cross_entropy(hidden, table, target)
    ours_grad = torch.autograd.grad(3 * ours, [hidden, table])
    theirs = F.cross_entropy(hidden @ table.T, target)
    theirs_grad = torch.autograd.grad(3 * theirs, [hidden, table])
    torch.testing.assert_close(ours, theirs)
    for our, their in zip(ours_grad, theirs_grad, strict=True):
        torch.testing.assert_close(our, their, atol=1e-6, rtol=1e-4)


def test_large_logits_do_not_overflow() -> None:
    hidden = torch.full((3, 2), 200.0)
    loss = next_item_cross_entropy(hidden, torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), torch.tensor([0, 0, 1]))
    assert loss.item() == pytest.approx(800 / 3)


def test_alignment_is_symmetric_infonce_by_hand() -> None:
    content = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    ids = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    # Cosines are the identity matrix; at temperature 1 each row is softmax([1, 0]).
    loss = symmetric_info_nce(content, ids, torch.tensor([4, 9]), torch.zeros(()))
    assert loss.item() == pytest.approx(-math.log(math.e / (math.e + 1)), rel=1e-5)


def test_the_same_person_is_no_negative() -> None:
    vectors = torch.eye(3)
    alone = symmetric_info_nce(vectors, vectors, torch.tensor([5, 5, 5]), torch.zeros(()))
    assert alone.item() == pytest.approx(0.0, abs=1e-6)


def test_bce_never_draws_the_target() -> None:
    # With two items the only other one is the negative: -log sigmoid(4) - log(1 - sigmoid(-4)).
    loss = next_item_bce(torch.tensor([[2.0]]), torch.tensor([[2.0], [-2.0]]), torch.tensor([0]), torch.Generator())
    assert loss.item() == pytest.approx(2 * math.log(1 + math.exp(-4)), rel=1e-5)
