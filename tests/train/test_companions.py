"""What people choose beside an item, counted and factorised."""

from pathlib import Path

import numpy as np
import polars as pl
import torch
from scipy import sparse
from torch.nn import functional as F

from molar.train.companions import CompanionHead, companions, pmi_factors
from molar.train.dataset import Dataset
from molar.train.split import leave_one_out


def test_companions_by_hand() -> None:
    # The last two events of each are not for training. Within two events: 0-1, 0-2, 1-2, and 2-0, 2-1, 0-1.
    histories = [[0, 1, 2, 3, 4], [2, 0, 1, 5, 5]]
    items = pl.DataFrame({"item_id": [str(i) for i in range(6)]})
    dataset = Dataset(Path(), items, ["u", "v"], np.array([0, 5, 10]), np.concatenate(histories).astype(np.int32))
    expected = np.zeros((6, 6))
    expected[0, [1, 2]] = expected[1, [0, 2]] = expected[2, [0, 1]] = 1 / 2
    np.testing.assert_allclose(companions(dataset, leave_one_out(dataset), 2).toarray(), expected)


def two_circles(items: int = 12) -> sparse.csr_array:
    """Items of the same half stand beside each other, the next one most often."""
    counts = np.zeros((items, items), np.float32)
    half = items // 2
    for i in range(items):
        for j in range(items):
            if i != j and i // half == j // half:
                counts[i, j] = 3 if (i - j) % half in (1, half - 1) else 1
    return sparse.csr_array(counts / counts.sum(axis=1, keepdims=True))


def test_factors_give_the_companions_back() -> None:
    beside = two_circles()
    left, right, log_share = pmi_factors(beside)
    information = np.log(np.maximum(beside.toarray(), 1e-12) * 12)  # all items are equally popular
    expected = np.maximum(information, 0)
    assert 1 < expected.max() < 2
    np.testing.assert_allclose(left @ right.T, expected, atol=0.3)  # 11 factors for 12 items
    np.testing.assert_allclose(np.exp(log_share).sum(), 1, rtol=1e-5)
    again = pmi_factors(beside)
    assert all(np.array_equal(one, other) for one, other in zip((left, right, log_share), again, strict=True))


def test_a_head_starts_at_what_is_popular_and_learns_the_rest() -> None:
    beside = two_circles()
    wanted = torch.from_numpy(beside.toarray())
    torch.manual_seed(0)
    vectors, head = torch.randn(12, 32), CompanionHead(32, beside)
    first = F.cross_entropy(head(vectors), wanted).item()
    share = wanted.mean(dim=0).clamp(min=1e-9)
    assert abs(first + (wanted * share.log()).sum(dim=-1).mean().item()) < 0.01
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(200):
        loss = F.cross_entropy(head(vectors), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    floor = -torch.special.xlogy(wanted, wanted).sum(dim=-1).mean().item()
    assert first - floor > 0.5
    assert loss.item() - floor < 0.1


def test_nobody_chose_anything() -> None:
    left, right, log_share = pmi_factors(sparse.csr_array((5, 5), dtype=np.float32))
    assert not left.any()
    assert not right.any()
    np.testing.assert_allclose(np.exp(log_share), 1 / 5 * 1e-3, rtol=1e-5)
    assert CompanionHead(4, sparse.csr_array((1, 1), dtype=np.float32))(torch.ones(2, 4)).shape == (2, 1)
