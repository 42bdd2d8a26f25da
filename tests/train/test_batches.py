"""Training batches."""

from pathlib import Path

import numpy as np
import polars as pl

from molar.train.batches import TrainingBatches, epoch_windows
from molar.train.dataset import Dataset
from molar.train.split import leave_one_out


def test_every_event_but_the_first_is_a_target_once() -> None:
    lengths = [1, 2, 3, 9, 40]
    rows = np.arange(sum(lengths), dtype=np.int32)
    items = pl.DataFrame({"item_id": [str(i) for i in rows]})
    dataset = Dataset(Path(), items, ["u"] * 5, np.concatenate([[0], np.cumsum(lengths)]), rows)
    split = leave_one_out(dataset)
    expected = [
        int(start + i)
        for start, train in zip(dataset.offsets[:-1], split.train_length, strict=True)
        for i in range(1, int(train))
    ]
    for epoch in range(4):
        targets = [
            row
            for batch in TrainingBatches(dataset, split, 6, 20, 0, epoch)
            for row, valid in zip(batch.target.flatten().tolist(), batch.valid().flatten().tolist(), strict=True)
            if valid
        ]
        assert sorted(targets) == expected
        for batch in TrainingBatches(dataset, split, 6, 20, 0, epoch):
            assert batch.history.numel() <= 20 or len(batch.history) == 1
            assert batch.history.shape[1] <= 6
            following = batch.target == batch.history + 1
            assert following[batch.valid()].all()
    _, first, _ = epoch_windows(dataset, split, 6, np.random.default_rng(0))
    _, other, _ = epoch_windows(dataset, split, 6, np.random.default_rng(1))
    assert sorted(first) != sorted(other)  # long histories are cut elsewhere in each epoch
