"""The losses against torch's own and against sums written out."""

import math

import pytest
import torch
from torch.nn import functional as F

from molar.train.config import preset
from molar.train.full_softmax import next_item_cross_entropy
from molar.train.losses import (
    FULL_SOFTMAX_ITEMS,
    next_item_bce,
    next_item_loss,
    sampled_bce,
    sampled_softmax,
    symmetric_info_nce,
)


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


def test_full_softmax_in_low_precision_has_nearly_the_same_gradients() -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(700, 16, requires_grad=True), torch.randn(50, 16, requires_grad=True)
    target = torch.randint(0, 50, (700,))
    exact = next_item_cross_entropy(hidden, table, target)
    exact_grad = torch.autograd.grad(exact, [hidden, table])
    with torch.autocast("cpu", torch.bfloat16):
        low = next_item_cross_entropy(hidden, table, target)
    torch.testing.assert_close(low, exact, atol=0, rtol=1e-3)
    for one, other in zip(torch.autograd.grad(low, [hidden, table]), exact_grad, strict=True):
        assert (one - other).norm() < 0.01 * other.norm()


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


def test_the_sampled_softmax_is_the_full_one_in_the_mean() -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(700, 4), torch.randn(50, 4)
    target = torch.randint(50, (700,))
    draws = torch.Generator().manual_seed(0)
    full = next_item_cross_entropy(hidden, table, target)
    many = torch.stack([sampled_softmax(hidden, table, target, 20_000, draws) for _ in range(3)]).mean()
    torch.testing.assert_close(many, full, rtol=5e-3, atol=0.0)
    few = torch.stack([sampled_softmax(hidden, table, target, 5, draws) for _ in range(50)]).mean()
    assert few < full  # the log of a noisy sum is too small in the mean; uncorrected it would be by log 10 more
    assert few > full - 1


@pytest.mark.parametrize("calibration", [0.0, 0.75, 1.0])
def test_gbce_by_hand(calibration: float) -> None:
    hidden, table = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [-1.0, 0.0]])
    # Of two items one is the target, so each drawn item is either the other one or does not count.
    draws = torch.Generator().manual_seed(0)
    drawn = torch.randint(2, (6,), generator=torch.Generator().manual_seed(0))
    found = sampled_bce(hidden, table, torch.tensor([0]), 6, calibration, draws)
    assert 0 < int(drawn.sum()) < 6
    # All items drawn: nothing to take back, beta is 1, and scores are counted from -log 6.
    expected = math.log(1 + 6 * math.exp(-2)) + int(drawn.sum()) * math.log(1 + math.exp(-1) / 6)
    assert found.item() == pytest.approx(expected)


def test_gbce_weakens_the_target_by_the_share_that_is_drawn() -> None:
    hidden, table, target = torch.zeros(1, 2), torch.zeros(101, 2), torch.tensor([0])
    drawn = int((torch.randint(101, (10,), generator=torch.Generator().manual_seed(1)) != 0).sum())
    # beta is 1 at t = 0, and the share that is drawn, 10 of 100, at t = 1
    for calibration, beta in ((0.0, 1.0), (1.0, 0.1)):
        found = sampled_bce(hidden, table, target, 10, calibration, torch.Generator().manual_seed(1))
        assert found.item() == pytest.approx(beta * math.log(1 + 10 / beta) + drawn * math.log(1 + beta / 10), rel=1e-4)


def test_gbce_begins_where_a_model_that_knows_nothing_stays() -> None:
    # All scores zero, each item the target as often as the others: no item gains by moving all of them.
    table = torch.zeros(200, 4)
    table[:, 0] = 1.0
    hidden = torch.zeros(20_000, 4, requires_grad=True)
    target = torch.arange(20_000) % 200
    sampled_bce(hidden, table, target, 20, 0.75, torch.Generator().manual_seed(0)).backward()
    down = hidden.grad[:, 0].sum().item()
    assert abs(down) < 0.02 * 20  # without the start half of each of the 20 negatives pushes down


def test_sampled_losses_in_chunks_have_the_gradients_of_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(6, 4, requires_grad=True), torch.randn(9, 4, requires_grad=True)
    target = torch.randint(9, (6,))
    monkeypatch.setattr("torch.randint", lambda high, shape, generator: torch.arange(8))  # each chunk the same
    found = []
    for chunk in (2, 100):
        monkeypatch.setattr("molar.train.losses._CHUNK", chunk)
        loss = sampled_softmax(hidden, table, target, 8, torch.Generator())
        found.append((loss, *torch.autograd.grad(loss, (hidden, table))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("loss", ["cross_entropy", "sampled_softmax", "gbce", "bce"])
def test_what_nobody_has_chosen_is_no_negative(loss: str) -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(60, 4), torch.randn(9, 4, requires_grad=True)
    chosen = torch.tensor([True, False, True, True, False, True, True, True, False])
    target = chosen.nonzero()[:, 0][torch.randint(6, (60,))]
    found = next_item_loss(preset("tiny", loss=loss), hidden, table, target, torch.Generator(), chosen=chosen)
    found.backward()
    assert table.grad is not None
    assert (table.grad.any(dim=1) == chosen).all()
    if loss == "cross_entropy":
        there = table[chosen]
        expected = F.cross_entropy(hidden @ there.T, (chosen.cumsum(0) - 1)[target])
        torch.testing.assert_close(found, expected)


def test_large_catalogues_draw_negatives() -> None:
    config = preset("tiny")
    hidden = torch.ones(2, 1)
    for items, drawn in ((FULL_SOFTMAX_ITEMS, False), (FULL_SOFTMAX_ITEMS + 1, True)):
        draws = torch.Generator().manual_seed(0)
        before = draws.get_state()
        next_item_loss(config, hidden, torch.zeros(items, 1), torch.tensor([0, 1]), draws)
        assert torch.equal(before, draws.get_state()) != drawn
