"""What an item encoder is fine-tuned on: the tasks' examples and the histories."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from molar.train.dataset import Dataset, load_dataset
from molar.train.finetune_config import FinetuneConfig
from molar.train.item_sequences import SequenceHead, sequence_batches
from molar.train.item_tasks import item_texts, task_batches
from molar.train.split import leave_one_out


def tiny_dataset(histories: list[list[int]], items: int = 6) -> Dataset:
    """Items with a text and no picture."""
    frame = pl.DataFrame(
        {
            "item_id": [str(i) for i in range(items)],
            "title": [f"title {i}" for i in range(items)],
            "description": [f"says {i}" for i in range(items)],
            "image": [""] * items,
            "color": [f"color {i}" for i in range(items)],
        }
    )
    lengths = [len(history) for history in histories]
    rows = np.concatenate(histories).astype(np.int32)
    return Dataset(Path(), frame, [str(u) for u in range(len(histories))], np.cumsum([0, *lengths]), rows)


def test_the_texts_of_the_tasks() -> None:
    texts = item_texts(tiny_dataset([[0, 1, 2]]))
    assert texts.full[3] == "title 3. color: color 3. says 3"
    assert texts.attributes[3] == "color: color 3"
    assert texts.prose[3] == "title 3. says 3"
    assert texts.titles[3] == "title 3"


def test_histories_end_before_what_is_asked_and_hold_training_events_only() -> None:
    dataset = tiny_dataset([[0, 1, 2, 3, 4], [5, 4, 3, 2, 1, 0]])  # the last two of each are not for training
    batches = task_batches(
        dataset,
        leave_one_out(dataset),
        item_texts(dataset),
        FinetuneConfig(backbone="tiny", examples=40, batch_size=4, history_items=2),
    )
    seen = {
        (source, int(row))
        for task in batches
        if task.name == "history_to_next"
        for source, row in zip(task.source.texts, task.rows, strict=True)
    }
    assert seen == {
        ("Recent items: title 0", 1),
        ("Recent items: title 0; title 1", 2),
        ("Recent items: title 5", 4),
        ("Recent items: title 5; title 4", 3),
        ("Recent items: title 4; title 3", 2),
    }


@pytest.mark.parametrize(
    ("off", "left"),
    [
        ("image_to_text", {"attributes_to_text", "history_to_next"}),
        ("attributes_to_text", {"image_to_text", "history_to_next"}),
        ("history_to_next", {"image_to_text", "attributes_to_text"}),
    ],
)
def test_each_task_can_be_switched_off(shop: Path, off: str, left: set[str]) -> None:
    dataset = load_dataset(shop)
    config = FinetuneConfig(backbone="tiny", examples=24, batch_size=8, **{off: 0.0})
    batches = task_batches(dataset, leave_one_out(dataset), item_texts(dataset), config)
    assert {task.name for task in batches} == left
    assert sum(len(task.rows) for task in batches) == 48
    for task in batches:
        if task.name == "image_to_text":
            assert (task.source.pictures > 0).all()  # the first item has no picture
            assert set(task.source.texts) == {""}
            assert (task.target.pictures == -1).all()


def test_what_comes_next_can_be_learned() -> None:
    dataset = tiny_dataset([[0, 1, 2, 3, 4, 5, 5], [5, 4, 3, 2, 1, 0, 0]])
    config = FinetuneConfig(backbone="tiny", examples=64, batch_size=16, sequences=1)
    [batch, *_] = sequence_batches(dataset, leave_one_out(dataset), item_texts(dataset), config)
    torch.manual_seed(0)
    head, states = SequenceHead(8), torch.nn.Parameter(torch.randn(len(batch.items.texts), 8))
    optimizer = torch.optim.AdamW([states, *head.parameters()], lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        head(states, batch).backward()
        optimizer.step()
    assert head.eval()(states, batch).item() < 0.1


def test_windows_hold_training_events_in_order() -> None:
    dataset = tiny_dataset([[0, 1, 2, 3, 4, 5, 5], [5, 4, 3, 2]])
    config = FinetuneConfig(backbone="tiny", examples=64, batch_size=16, sequences=1)
    batches = sequence_batches(dataset, leave_one_out(dataset), item_texts(dataset), config)
    assert len(batches) == 4
    for batch in batches:
        rows = np.array([int(text[6]) for text in batch.items.texts])  # "title 3. …"
        history, target = rows[batch.history], rows[batch.target]
        for before, after, valid in zip(history, target, batch.valid, strict=True):
            pairs = set(zip(before[valid].tolist(), after[valid].tolist(), strict=True))
            assert pairs in ({(0, 1), (1, 2), (2, 3), (3, 4)}, {(5, 4)})
        shares = {0: 1 / 7, 1: 1 / 7, 2: 1 / 7, 3: 1 / 7, 4: 2 / 7, 5: 1 / 7}
        np.testing.assert_allclose(np.exp(batch.log_share), [shares[row] for row in rows], rtol=1e-5)
