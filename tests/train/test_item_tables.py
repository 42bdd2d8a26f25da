"""Steps that read the items of their batch alone: the losses of steps that look at the whole catalogue."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from molar.engine import ModelError
from molar.train.batches import Batch, TrainingBatches
from molar.train.config import preset
from molar.train.dataset import Dataset
from molar.train.fit import train
from molar.train.item_tables import TouchedMean
from molar.train.model import DataFacts, Molar
from molar.train.model_files import read_tensors
from molar.train.objective import batch_losses
from molar.train.optimization import Optimizers
from molar.train.ranking import users_at_a_time
from molar.train.split import leave_one_out
from molar.train.validation import Validation

ITEMS, DIM = 60, 8
CPU = torch.device("cpu")


def molar(item_tables: str, **changes: object) -> tuple[Molar, torch.Tensor]:
    """One whose items 50 to 59 nobody has chosen; the same weights and features in each call."""
    torch.manual_seed(0)
    choices = {"dropout": 0.0, "id_dropout": 0.0, "content_steps": 0.0, "negatives": 5, "loss": "sampled_softmax"}
    config = preset("tiny", dim=DIM, item_tables=item_tables, **(choices | changes))
    model = Molar(config, DataFacts(ITEMS, [5, 7], "", "", ""))
    features = torch.randn(ITEMS, 12)
    features[3, :5] = 0.0  # an item without a picture
    model.touched[50:] = 0
    for table in model.item_tables():
        torch.nn.init.normal_(table.data)
    if model.item_encoder is not None:
        model.item_encoder.fit_scale(features)
    return model.train(), features


def people(users: int = 40, events: int = 9, known: int = 50) -> Dataset:
    rows = np.random.default_rng(0).permuted(np.tile(np.arange(known), (users, 1)), axis=1)[:, :events]
    items = pl.DataFrame({"item_id": [str(i) for i in range(ITEMS)]})
    names = [str(user) for user in range(users)]
    return Dataset(Path(), items, names, np.arange(users + 1) * events, rows.ravel().astype(np.int32))


def batches(epochs: int = 1) -> list[Batch]:
    dataset = people()
    split = leave_one_out(dataset)
    return [batch for epoch in range(epochs) for batch in TrainingBatches(dataset, split, 12, 60, 0, epoch)]


@pytest.mark.parametrize("loss", ["sampled_softmax", "gbce", "bce"])
@pytest.mark.parametrize("changes", [{}, {"own_ids": False}, {"ids": False}], ids=str)
def test_the_losses_and_gradients_are_those_of_the_whole_catalogue(loss: str, changes: dict) -> None:
    found = {}
    for item_tables in ("whole", "rows", "host"):
        model, features = molar(item_tables, loss=loss, **changes)
        losses = batch_losses(model, features, batches()[0], torch.Generator().manual_seed(0))
        losses["loss"].backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        if "own_ids" in gradients and item_tables != "whole":
            own_ids = gradients["own_ids"]
            assert own_ids.is_sparse and own_ids._nnz() < ITEMS
            gradients["own_ids"] = own_ids.to_dense()
        found[item_tables] = losses, gradients
    for item_tables in ("rows", "host"):
        for one, other in zip(found["whole"], found[item_tables], strict=True):
            torch.testing.assert_close(other, one)


@pytest.mark.parametrize("loss", ["sampled_softmax", "gbce", "bce"])
@pytest.mark.parametrize("id_model", ["sasrec", "gru4rec", "fpmc", "bert4rec"])
def test_so_are_those_of_an_id_model_alone(loss: str, id_model: str) -> None:
    found = []
    for item_tables in ("whole", "rows"):
        model, _ = molar(item_tables, loss=loss, id_model=id_model, content=False)
        losses = batch_losses(model, None, batches()[0], torch.Generator().manual_seed(0))
        losses["loss"].backward()
        # The table's differ by what goes through the mean, which a step on rows takes as it is.
        rest = {name: p.grad for name, p in model.named_parameters() if not name.endswith("items.weight")}
        found.append((losses, rest))
        assert model.id_embeddings().grad.is_sparse == (item_tables == "rows")
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one)


@pytest.mark.parametrize("item_tables", ["rows", "host"])
def test_a_step_moves_the_rows_of_its_batch_alone(item_tables: str) -> None:
    model, features = molar(item_tables)
    optimizers = Optimizers(model, model.config)
    batch = batches()[0]
    before = model.own_ids.detach().clone()
    batch_losses(model, features, batch, torch.Generator().manual_seed(0))["loss"].backward()
    optimizers.step(0.01)
    moved = (model.own_ids != before).any(dim=1)
    assert moved[batch.history[batch.valid()]].all()
    assert 0 < moved.sum() < 50
    assert not moved[50:].any()


def test_the_mean_of_the_rows_follows_the_steps() -> None:
    model, _ = molar("rows", content=False)
    optimizers = Optimizers(model, model.config)
    draws = torch.Generator().manual_seed(0)
    for batch in batches(epochs=3):
        optimizers.zero_grad()
        batch_losses(model, None, batch, draws)["loss"].backward()
        optimizers.step(0.05)
    table, rows = model.id_embeddings().detach(), torch.tensor([2, 7])
    kept_up = model._mean.of(table, model.touched, rows, changes=False)
    torch.testing.assert_close(kept_up, table[:50].mean(dim=0))
    torch.testing.assert_close(kept_up, TouchedMean().of(table, model.touched, rows, changes=False))
    with torch.no_grad():
        inside = model.item_vectors(None).ids
    torch.testing.assert_close(model.around_mean(table[rows], rows), inside[rows])


def test_vectors_of_all_items_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, features = molar("rows")
    model.eval()
    with torch.no_grad():
        at_once = model.item_vectors(features)
    monkeypatch.setattr("molar.train.model._BLOCK", 7)
    read = model.item_encoder.scaled_for_rows(features, CPU)
    assert read.parts[0].dtype == torch.float16
    for given, tolerance in ((features, 1e-5), (model.item_encoder.scaled(features), 1e-5), (read, 1e-3)):
        in_parts = model.all_item_vectors(given)
        for name, tensor in at_once.tensors().items():
            torch.testing.assert_close(in_parts.tensors()[name], tensor, atol=tolerance, rtol=tolerance)


def test_statistics_of_many_items_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = molar("rows")
    features = 7 + 3 * torch.randn(100, 12)
    features[30:50, 5:] = 0  # more than a part
    monkeypatch.setattr("molar.train.item_encoder._BLOCK", 13)
    model.item_encoder.fit_scale(features)
    there = torch.cat([features[:30], features[50:]])
    for scale, known in zip(model.item_encoder.scales, (features[:, :5], there[:, 5:]), strict=True):
        torch.testing.assert_close(scale.mean, known.mean(dim=0))
        torch.testing.assert_close(scale.deviation, known.std(dim=0))
    model.item_encoder.fit_scale(features[:1])  # says nothing of how features differ
    torch.testing.assert_close(model.item_encoder.scales[0].mean, features[:, :5].mean(dim=0))


def test_few_people_at_a_time_are_validated_on_a_large_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = people()
    model, features = molar("rows")
    validation = Validation(dataset, leave_one_out(dataset), CPU)
    at_once, _ = validation.metrics(model, features)
    monkeypatch.setattr("molar.train.ranking._SCORES", 3 * ITEMS)
    assert [(part.start, part.stop) for part in users_at_a_time(7, ITEMS)] == [(0, 3), (3, 6), (6, 9)]
    in_parts, _ = validation.metrics(model, features)
    assert in_parts == pytest.approx(at_once)


def test_tables_of_host_memory_stay_there() -> None:
    model, _ = molar("host")
    kept = {name: table.data.clone() for name, table in model.named_parameters()}
    model.double()  # as `to(device)` does, by the same way through all tensors
    assert model.own_ids.dtype == model.id_embeddings().dtype == torch.float32
    assert model.gate.dtype == torch.float64
    for table in ("own_ids", "id_model.items.weight"):
        assert torch.equal(dict(model.named_parameters())[table], kept[table])


@pytest.fixture(scope="module")
def by_rows(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose steps read rows."""
    folder = tmp_path_factory.mktemp("by_rows") / "run"
    train(shop, folder, preset("tiny", epochs=4, item_tables="rows", negatives=8), "cpu")
    return folder


def test_a_run_on_rows_learns_and_resumes_to_the_same(shop: Path, by_rows: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(by_rows, run)
    for part in (run, run / "ids"):
        shutil.rmtree(part / "checkpoints" / "epoch-0004")  # as if it had been stopped before
    train(shop, run, None, "cpu")
    for name in ("model.safetensors", "item_vectors.safetensors", "ids/model.safetensors"):
        assert (run / name).read_bytes() == (by_rows / name).read_bytes(), name
    state, _ = read_tensors(run / "checkpoints" / "epoch-0004" / "optimizer.safetensors")
    assert {"rows.0.exp_avg", "rows.0.exp_avg_sq", "rows.0.step"} <= set(state)


def test_host_memory_gives_the_same_run(shop: Path, by_rows: Path, tmp_path: Path) -> None:
    train(shop, tmp_path / "run", preset("tiny", epochs=4, item_tables="host", negatives=8), "cpu")
    for name in ("model.safetensors", "item_vectors.safetensors"):
        one, other = (read_tensors(folder / name)[0] for folder in (by_rows, tmp_path / "run"))
        assert one
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("changes", [{"loss": "cross_entropy"}, {"teachers": "runs/one"}], ids=str)
def test_what_looks_at_all_items_cannot_read_rows(changes: dict) -> None:
    with pytest.raises(ModelError, match="item_tables host: cross_entropy and teachers look at all items each step"):
        preset("tiny", item_tables="host", **changes)


def test_a_loss_that_is_not_chosen_draws_negatives_where_rows_are_read() -> None:
    config = preset("tiny", item_tables="rows")
    assert config.loss_for(10) == "sampled_softmax"
    assert replace(config, loss="gbce").loss_for(10) == "gbce"
    assert preset("tiny", teachers="runs/one").loss_for(10**6) == "cross_entropy"
