"""Ranking metrics, with the fractions written out, and beside ir-measures."""

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from molar.train.metrics import coverage, popularity_bias, ranking_metrics, target_ranks


def test_metrics_by_hand() -> None:
    metrics = ranking_metrics(np.array([1, 3, 11, 60]), (10, 20))
    assert metrics["recall@10"] == 2 / 4
    assert metrics["recall@20"] == 3 / 4
    assert metrics["ndcg@10"] == pytest.approx((1 + 1 / 2) / 4)
    assert metrics["ndcg@20"] == pytest.approx((1 + 1 / 2 + 1 / math.log2(12)) / 4)
    assert metrics["mrr@10"] == pytest.approx((1 + 1 / 3) / 4)


def test_a_tie_counts_against_the_target() -> None:
    scores = np.array([[0.5, 0.5, 0.1], [0.2, 0.9, 0.2]])
    assert target_ranks(scores, np.array([0, 1])).tolist() == [2, 1]


def test_a_score_that_is_no_number_is_no_hit() -> None:
    assert target_ranks(np.full((1, 5), np.nan), np.array([2])).tolist() == [5]


def test_a_target_that_may_not_be_recommended_ranks_last() -> None:
    scores = np.array([[-np.inf, 0.5, 0.1, -np.inf]])
    assert target_ranks(scores, np.array([0])).tolist() == [4]


def test_coverage_counts_different_items() -> None:
    assert coverage(np.array([[0, 1], [1, 2]]), items=6) == 3 / 6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_metrics_agree_with_ir_measures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    users, items = 7, 40
    scores = rng.permutation(users * items).reshape(users, items).astype(float)
    target = rng.integers(0, items, users)
    ours = ranking_metrics(target_ranks(scores, target), (5, 20))
    run = [
        ir_measures.ScoredDoc(f"u{user}", f"i{item}", scores[user, item])
        for user in range(users)
        for item in range(items)
    ]
    truth = [ir_measures.Qrel(f"u{user}", f"i{item}", 1) for user, item in enumerate(target)]
    for k in (5, 20):
        theirs = ir_measures.calc_aggregate([R @ k, nDCG @ k, RR @ k], truth, run)
        assert ours[f"recall@{k}"] == pytest.approx(theirs[R @ k])
        assert ours[f"ndcg@{k}"] == pytest.approx(theirs[nDCG @ k])
        assert ours[f"mrr@{k}"] == pytest.approx(theirs[RR @ k])


def test_popularity_bias_by_hand() -> None:
    counts = np.array([10, 4, 1])
    assert popularity_bias(np.array([[0, 1], [0, 1]]), np.array([1, 2]), counts) == pytest.approx(7 / 2.5)
