"""Learning from finished runs: what they say, and that it is learned."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from molar.engine import ModelError
from molar.train.batches import Batch, TrainingBatches
from molar.train.config import preset
from molar.train.dataset import load_dataset
from molar.train.fit import train
from molar.train.full_softmax import Opinion, next_item_cross_entropy
from molar.train.run import load_run, read_config
from molar.train.split import leave_one_out
from molar.train.teachers import Teachers, teachers_of
from molar.train.transformer import right_padded

CPU = torch.device("cpu")


def test_the_loss_is_cross_entropy_with_the_mixture_of_what_came_and_what_teachers_say() -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(700, 6, requires_grad=True), torch.randn(9, 6, requires_grad=True)
    target = torch.randint(9, (700,))
    opinion = Opinion(torch.randn(700, 4), torch.randn(9, 4), 0.3)
    mixture = 0.7 * F.one_hot(target, 9) + 0.3 * (opinion.hidden @ opinion.table.T).softmax(1)
    expected = F.cross_entropy(hidden @ table.T, mixture)
    ours = next_item_cross_entropy(hidden, table, target, opinion)
    torch.testing.assert_close(ours, expected)
    for found, wanted in zip(
        torch.autograd.grad(ours, (hidden, table)), torch.autograd.grad(expected, (hidden, table)), strict=True
    ):
        torch.testing.assert_close(found, wanted)


@pytest.fixture(scope="module")
def taught(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two teachers, "one" (Molar) and "ids", and "pupil", which learns from nothing but them."""
    folder = tmp_path_factory.mktemp("taught")
    train(shop, folder / "one", preset("tiny", epochs=12), "cpu")
    train(shop, folder / "ids", preset("tiny", epochs=12, content=False), "cpu")
    names = f"{folder / 'one'}, {folder / 'ids'}"
    nothing_hidden = {"dropout": 0.0, "content_steps": 0.0, "id_dropout": 0.0}
    pupil = preset("tiny", teachers=names, teacher_weight=1.0, epochs=25, patience=25, **nothing_hidden)
    train(shop, folder / "pupil", pupil, "cpu")
    return folder


def said_of_batches(taught: Path, shop: Path) -> list[tuple[Batch, Opinion]]:
    """The pupil's batches of an epoch, and what its teachers say of each."""
    config, facts = read_config(taught / "pupil")
    teachers = teachers_of(config, facts, CPU)
    assert teachers is not None
    dataset = load_dataset(shop)
    batches = TrainingBatches(dataset, leave_one_out(dataset), config.max_history, config.batch_events, 0, 0)
    return [(batch, teachers.opinion(batch)) for batch in batches]


def test_teachers_say_the_mean_of_their_scores(taught: Path, shop: Path) -> None:
    batch, opinion = said_of_batches(taught, shop)[0]
    scores = []
    for name, mode in (("one", "aligned"), ("ids", "ids")):
        model, vectors = load_run(taught / name)
        table = vectors.tables()[mode]
        positions = right_padded(batch.lengths, batch.history.shape[1], model.config.max_history)
        u, h = model.user_vectors(table[batch.history], positions)
        queries = model.query(*(side if side is None else side[batch.valid()] for side in (u, h)))
        scores.append(queries @ table.T)
    torch.testing.assert_close(opinion.hidden @ opinion.table.T, (scores[0] + scores[1]) / 2)


def test_a_pupil_comes_to_say_what_its_teachers_say(taught: Path, shop: Path) -> None:
    hidden, table = [], torch.empty(0)
    for _, said in said_of_batches(taught, shop):
        hidden.append(said.hidden)
        table = said.table
    wanted = (torch.cat(hidden) @ table.T).softmax(dim=1)
    entropy = -(wanted * wanted.log()).sum(dim=1).mean().item()  # no pupil's loss is below
    lines = (taught / "pupil" / "metrics.jsonl").read_text().splitlines()
    away = json.loads(lines[-1])["content"] - entropy
    nothing = math.log(wanted.shape[1]) - entropy  # of a pupil to whom all items are alike
    assert -0.01 < away < 0.75 * nothing


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"last_events": 10}, "was trained with last_events 0, this run with 10"),
        ({"withheld": 0.1}, "was trained with withheld 0.0, this run with 0.1"),
        ({"max_history": 40}, "reads 12 events, this run 40"),
    ],
)
def test_a_teacher_that_may_not_teach(taught: Path, changes: dict, message: str) -> None:
    _, facts = read_config(taught / "one")
    with pytest.raises(ModelError, match=message):
        Teachers([taught / "one"], preset("tiny", **changes), facts, CPU)


def test_settings_that_do_not_go_with_teachers() -> None:
    for changes in ({"loss": "bce"}, {"content": False}):
        with pytest.raises(ModelError, match="teachers speak of all items"):
            preset("tiny", teachers="run", **changes)
