"""Withheld items, and comparing runs."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from molar.engine import ModelError
from molar.train.cold_start import cold_events, withheld_items, without_events
from molar.train.comparison import bootstrap, compare_runs, per_user
from molar.train.config import preset
from molar.train.dataset import Dataset, load_dataset
from molar.train.evaluate import evaluate
from molar.train.fit import train
from molar.train.run import load_run
from molar.train.split import leave_one_out, training_counts


def dataset_of(histories: list[list[int]], items: int = 8) -> Dataset:
    """Items without content."""
    frame = pl.DataFrame({"item_id": [str(i) for i in range(items)]})
    rows = np.concatenate(histories).astype(np.int32)
    offsets = np.cumsum([0, *map(len, histories)])
    return Dataset(Path(), frame, [str(u) for u in range(len(histories))], offsets, rows)


def test_the_same_items_are_withheld_each_time() -> None:
    dataset = dataset_of([[0, 1]], items=50)
    rows = withheld_items(dataset, 0.1)
    assert len(rows) == 5
    assert np.array_equal(rows, withheld_items(dataset, 0.1))
    assert len(withheld_items(dataset, 0.0)) == 0


def test_their_interactions_are_gone_and_nothing_else() -> None:
    dataset = dataset_of([[0, 1, 2, 3], [3, 3], [4, 3, 5]])
    left = without_events(dataset, np.array([1, 3]))
    assert left.offsets.tolist() == [0, 2, 2, 4]
    assert left.rows.tolist() == [0, 2, 4, 5]
    assert len(left.items) == 8
    assert without_events(dataset, np.empty(0, np.int64)) is dataset


def test_cold_events_are_of_the_last_two_and_their_histories_hold_no_withheld_item() -> None:
    dataset = dataset_of([[0, 1, 7, 7, 2], [7, 1, 2, 7, 7], [7, 7, 7], [0, 7, 1, 2]])
    histories, targets = cold_events(dataset, np.array([7]))
    assert targets.tolist() == [7, 7, 7]
    assert [history.tolist() for history in histories] == [[0, 1], [1, 2], [1, 2]]


def test_training_counts() -> None:
    dataset = dataset_of([[0, 1, 1, 2, 3], [4, 4], [5, 6, 7]])
    # The last two events of everybody with three or more are not for training.
    assert training_counts(dataset, leave_one_out(dataset)).tolist() == [1, 2, 0, 0, 2, 1, 0, 0]


def test_a_run_without_some_items_finds_them_by_content(shop: Path, tmp_path: Path) -> None:
    train(shop, tmp_path / "run", preset("tiny", withheld=0.25), "cpu")
    rows = evaluate(tmp_path / "run")["rows"]
    cold = {row["model"]: row for row in rows if row["regime"] == "cold"}
    assert set(cold) == {"chance", "content only", "SASRec", "Molar"}
    assert cold["chance"]["recall@5"] == pytest.approx(5 / 6, abs=1e-6)
    events = cold["Molar"]["events"]
    assert events == len(cold_events(load_dataset(shop), withheld_items(load_dataset(shop), 0.25))[1])
    # Everybody scores the six withheld items alike by IDs, and a tie counts against: none is found before the last.
    assert cold["SASRec"]["recall@5"] == 0.0
    assert cold["content only"]["recall@5"] > 0.0
    model, vectors = load_run(tmp_path / "run")
    withheld = withheld_items(load_dataset(shop), 0.25)
    assert not vectors.ids[withheld].any()
    assert torch.equal(vectors.fused[withheld], vectors.content[withheld])
    assert torch.allclose(vectors.ids[model.touched[:, 0] > 0].mean(dim=0), torch.zeros(16), atol=1e-5)
    assert {row["seen_removed"] for row in rows if row["regime"] != "cold"} == {True, False}


def test_metrics_of_each_user_by_hand() -> None:
    values = per_user(np.array([1, 3, 11]), 10)
    assert values["recall@10"].tolist() == [1, 1, 0]
    assert values["ndcg@10"].tolist() == [1, 1 / math.log2(4), 0]


def test_the_bootstrap_finds_a_difference_and_finds_none() -> None:
    rng = np.random.default_rng(0)
    nothing = bootstrap(rng.choice([-1.0, 0.0, 1.0], 2000), samples=2000)
    assert nothing["low"] < 0 < nothing["high"]
    assert nothing["p"] > 0.05
    # The interval of a mean of 2,000 coins: 1.96 deviations on either side.
    coins = rng.random(2000) < 0.5
    found = bootstrap(coins.astype(float), samples=4000)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(2000), rel=0.1)
    assert found["difference"] == pytest.approx(coins.mean(), abs=1e-6)
    assert found["p"] == 1 / 4000
    assert bootstrap(np.zeros(10))["p"] == 1.0


def test_runs_are_compared_user_by_user(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    ranks = pl.read_parquet(run / "ranks.parquet")
    better = ranks.with_columns(pl.lit(1, pl.Int32).alias("content_only_removed")).reverse()
    better.write_parquet(other / "ranks.parquet")
    first, second = compare_runs([[run], [other]], "content_only")
    assert "recall@10_p" not in first
    assert second["recall@10"] == 1.0
    assert second["ndcg@10_difference"] == pytest.approx(1.0 - first["ndcg@10"], abs=1e-5)
    assert second["ndcg@10_low"] > 0
    rows = json.loads((run / "evaluation.json").read_text())["rows"]
    [expected] = [row["recall@10"] for row in rows if row["model"] == "content only" and row["seen_removed"]]
    assert first["recall@10"] == pytest.approx(expected, abs=1e-6)
    assert "seeds" not in first
    first, both = compare_runs([[run], [run, other]], "content_only")
    assert both["seeds"] == 2
    assert both["ndcg@10_of_seeds"] == pytest.approx([first["ndcg@10"], 1.0])
    assert both["ndcg@10"] == pytest.approx((first["ndcg@10"] + 1) / 2, abs=1e-5)
    assert both["ndcg@10_difference"] == pytest.approx((1 - first["ndcg@10"]) / 2, abs=1e-5)


def test_runs_that_cannot_be_compared(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run `molar evaluate"):
        compare_runs([[tmp_path]], "molar")
    with pytest.raises(ModelError, match="no model 'gru4rec'; it has popularity, sasrec, content_only, molar"):
        compare_runs([[run]], "gru4rec")
    pl.read_parquet(run / "ranks.parquet").head(5).write_parquet(tmp_path / "ranks.parquet")
    with pytest.raises(ModelError, match="evaluated on other users"):
        compare_runs([[run], [tmp_path]], "molar")
