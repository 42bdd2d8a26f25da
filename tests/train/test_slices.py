"""Kinds of people among those who are evaluated."""

from pathlib import Path

import numpy as np
import polars as pl

from molar.train.dataset import Dataset
from molar.train.slices import user_slices
from molar.train.split import leave_one_out


def test_slices_by_hand() -> None:
    # Item 0 holds most of the training events; the targets are the items 0, 1 and 2, and nobody has chosen 2 before.
    rows = [[0] * 30 + [1, 0], [0] * 10 + [1, 1], [1] * 25 + [0, 2]]
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in rows])])
    items = pl.DataFrame({"item_id": ["a", "b", "c"]})
    dataset = Dataset(Path(), items, ["u", "v", "w"], offsets, np.concatenate(rows).astype(np.int32))
    slices = {name: mask.tolist() for name, mask in user_slices(dataset, leave_one_out(dataset)).items()}
    assert slices == {
        "history of 1 to 20": [False, True, False],
        "history of 21 to 50": [True, False, True],
        "history of 51 to 200": [False] * 3,
        "history of more than 200": [False] * 3,
        "popular target": [True, False, False],
        "rare target": [False, False, True],
        "other target": [False, True, False],
        "target that nobody chose": [False, False, True],
    }
