"""What training asks after each epoch."""

from pathlib import Path

import numpy as np
import polars as pl
import torch

from molar.train.config import preset
from molar.train.dataset import Dataset
from molar.train.model import DataFacts, Molar
from molar.train.split import leave_one_out
from molar.train.validation import Validation

ITEMS, USERS, EVENTS = 30, 40, 8


def people() -> Dataset:
    rows = np.random.default_rng(0).permuted(np.tile(np.arange(ITEMS), (USERS, 1)), axis=1)[:, :EVENTS]
    items = pl.DataFrame({"item_id": [str(i) for i in range(ITEMS)]})
    offsets = np.arange(USERS + 1) * EVENTS
    return Dataset(Path(), items, [str(u) for u in range(USERS)], offsets, rows.ravel().astype(np.int32))


def test_the_id_model_beside_content_is_asked_once_and_the_rest_anew() -> None:
    torch.manual_seed(0)
    dataset, device = people(), torch.device("cpu")
    split = leave_one_out(dataset)
    model, features = Molar(preset("tiny", dim=8), DataFacts(ITEMS, [5, 7], "", "", "")), torch.randn(ITEMS, 12)
    read: list[int] = []
    assert model.id_model is not None and model.user_encoder is not None
    model.id_model.register_forward_hook(lambda *_: read.append(1))
    validation = Validation(dataset, split, device)
    first, _ = validation.metrics(model, features)
    once = len(read)
    torch.nn.init.normal_(model.user_encoder.input.weight)  # as training changes it
    second, _ = validation.metrics(model, features)
    assert once and len(read) == once
    assert second != first
    assert second == Validation(dataset, split, device).metrics(model, features)[0]


def test_an_id_model_that_learns_is_asked_every_time() -> None:
    torch.manual_seed(0)
    dataset, device = people(), torch.device("cpu")
    split = leave_one_out(dataset)
    model = Molar(preset("tiny", dim=8, content=False), DataFacts(ITEMS, [], "", "", ""))
    validation = Validation(dataset, split, device)
    first, _ = validation.metrics(model, None)
    torch.nn.init.normal_(model.id_embeddings())
    second, _ = validation.metrics(model, None)
    assert second != first
    assert second == Validation(dataset, split, device).metrics(model, None)[0]


def test_some_people_are_enough() -> None:
    torch.manual_seed(0)
    dataset, device = people(), torch.device("cpu")
    split = leave_one_out(dataset)
    model = Molar(preset("tiny", dim=8, content=False), DataFacts(ITEMS, [], "", "", ""))
    asked: list[int] = []
    assert model.id_model is not None
    model.id_model.register_forward_hook(lambda _, inputs, __: asked.append(len(inputs[0])))
    for most, expected in ((0, USERS), (USERS, USERS), (7, 7)):
        asked.clear()
        first, _ = Validation(dataset, split, device, most).metrics(model, None)
        assert sum(asked) == expected
        assert first == Validation(dataset, split, device, most).metrics(model, None)[0]
