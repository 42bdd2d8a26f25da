"""The losses against torch's own and against sums written out."""

import math

import pytest
import torch
from torch.nn import functional as F

from molar.train.config import FULL_SOFTMAX_ITEMS, preset
from molar.train.full_softmax import next_item_cross_entropy
from molar.train.losses import (
    next_item_bce,
    next_item_loss,
    sampled_bce,
    sampled_softmax,
    symmetric_info_nce,
)
from molar.train.negatives import Negatives, draw_negatives


def drawn(loss: str, items: int, target: torch.Tensor, draws: torch.Generator, count: int = 1) -> Negatives:
    """Negatives beside each target, as a run draws them."""
    found = draw_negatives(preset("tiny", loss=loss, negatives=count), items, target, draws)
    assert found is not None
    return found


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
    target = torch.tensor([0])
    negatives = drawn("bce", 2, target, torch.Generator())
    loss = next_item_bce(torch.tensor([[2.0]]), torch.tensor([[2.0], [-2.0]]), target, negatives)
    assert loss.item() == pytest.approx(2 * math.log(1 + math.exp(-4)), rel=1e-5)


def test_the_sampled_softmax_is_the_full_one_in_the_mean() -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(700, 4), torch.randn(50, 4)
    target = torch.randint(50, (700,))
    draws = torch.Generator().manual_seed(0)
    full = next_item_cross_entropy(hidden, table, target)

    def of(count: int) -> torch.Tensor:
        return sampled_softmax(hidden, table, target, drawn("sampled_softmax", 50, target, draws, count))

    many = torch.stack([of(20_000) for _ in range(3)]).mean()
    torch.testing.assert_close(many, full, rtol=5e-3, atol=0.0)
    few = torch.stack([of(5) for _ in range(50)]).mean()
    assert few < full  # the log of a noisy sum is too small in the mean; uncorrected it would be by log 10 more
    assert few > full - 1


@pytest.mark.parametrize("calibration", [0.0, 0.75, 1.0])
def test_gbce_by_hand(calibration: float) -> None:
    hidden, table = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [-1.0, 0.0]])
    # Of two items one is the target, so each drawn item is either the other one or does not count.
    negatives = drawn("gbce", 2, torch.tensor([0]), torch.Generator().manual_seed(0), 6)
    found = sampled_bce(hidden, table, torch.tensor([0]), negatives, calibration)
    others = int(negatives.rows.sum())
    assert 0 < others < 6
    # All items drawn: nothing to take back, beta is 1, and scores are counted from -log 6.
    expected = math.log(1 + 6 * math.exp(-2)) + others * math.log(1 + math.exp(-1) / 6)
    assert found.item() == pytest.approx(expected)


def test_gbce_weakens_the_target_by_the_share_that_is_drawn() -> None:
    hidden, table, target = torch.zeros(1, 2), torch.zeros(101, 2), torch.tensor([0])
    negatives = drawn("gbce", 101, target, torch.Generator().manual_seed(1), 10)
    others = int((negatives.rows != 0).sum())
    # beta is 1 at t = 0, and the share that is drawn, 10 of 100, at t = 1
    for calibration, beta in ((0.0, 1.0), (1.0, 0.1)):
        found = sampled_bce(hidden, table, target, negatives, calibration)
        expected = beta * math.log(1 + 10 / beta) + others * math.log(1 + beta / 10)
        assert found.item() == pytest.approx(expected, rel=1e-4)


def test_gbce_begins_where_a_model_that_knows_nothing_stays() -> None:
    # All scores zero, each item the target as often as the others: no item gains by moving all of them.
    table = torch.zeros(200, 4)
    table[:, 0] = 1.0
    hidden = torch.zeros(20_000, 4, requires_grad=True)
    target = torch.arange(20_000) % 200
    sampled_bce(hidden, table, target, drawn("gbce", 200, target, torch.Generator(), 20), 0.75).backward()
    down = hidden.grad[:, 0].sum().item()
    assert abs(down) < 0.02 * 20  # without the start half of each of the 20 negatives pushes down


def test_sampled_losses_in_chunks_have_the_gradients_of_one_piece() -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(6, 4, requires_grad=True), torch.randn(9, 4, requires_grad=True)
    target = torch.randint(9, (6,))
    found = []
    for lines in (3, 1):
        negatives = Negatives(torch.arange(8).expand(lines, 8), torch.arange(6) * lines // 6, 9)  # each line the same
        loss = sampled_softmax(hidden, table, target, negatives)
        found.append((loss, *torch.autograd.grad(loss, (hidden, table))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("loss", ["cross_entropy", "sampled_softmax", "gbce", "bce"])
def test_what_nobody_has_chosen_is_no_negative(loss: str) -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(60, 4), torch.randn(9, 4, requires_grad=True)
    chosen = torch.tensor([True, False, True, True, False, True, True, True, False])
    rows = chosen.nonzero()[:, 0]
    target = rows[torch.randint(6, (60,))]
    config = preset("tiny", loss=loss)
    negatives = draw_negatives(config, 9, target, torch.Generator(), rows)
    found = next_item_loss(config, hidden, table, target, negatives, chosen=rows)
    found.backward()
    assert table.grad is not None
    assert (table.grad.any(dim=1) == chosen).all()
    if loss == "cross_entropy":
        there = table[chosen]
        expected = F.cross_entropy(hidden @ there.T, (chosen.cumsum(0) - 1)[target])
        torch.testing.assert_close(found, expected)


def test_large_catalogues_draw_negatives() -> None:
    config = preset("tiny")
    for items, large in ((FULL_SOFTMAX_ITEMS, False), (FULL_SOFTMAX_ITEMS + 1, True)):
        assert config.reads_rows(items) == large
        negatives = draw_negatives(config, items, torch.tensor([0, 1]), torch.Generator())
        assert (negatives is not None) == large
