"""Equalities that every sequence model here must hold, and the rule that it must be able to learn."""

from pathlib import Path

import numpy as np
import pytest
import torch

from molar.engine import ModelError
from molar.train.batches import TrainingBatches
from molar.train.config import preset
from molar.train.dataset import Dataset
from molar.train.device import training_attention
from molar.train.id_models import ID_MODELS
from molar.train.model import DataFacts, Molar
from molar.train.objective import batch_losses
from molar.train.optimization import Optimizers, learning_rate
from molar.train.ranking import mode_queries
from molar.train.split import leave_one_out
from molar.train.transformer import Dropout, left_padded
from molar.train.user_encoder import UserEncoder

ITEMS, DIM = 11, 8


def encoders() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    config = preset("tiny", dim=DIM, layers=2)
    found = {name: ID_MODELS[name](ITEMS, config).eval() for name in ("sasrec", "gru4rec", "fpmc")}
    found["gated sasrec"] = ID_MODELS["sasrec"](ITEMS, preset("tiny", dim=DIM, layers=2, id_blocks="gated")).eval()
    found["UserEncoder"] = UserEncoder(DIM, 2, 2, 0.1).eval()
    found["gated UserEncoder"] = UserEncoder(DIM, 2, 2, 0.1, gated=True).eval()
    return found


every_encoder = pytest.mark.parametrize("encoder", encoders().values(), ids=encoders())


def molar(**changes: object) -> tuple[Molar, torch.Tensor]:
    torch.manual_seed(0)
    model = Molar(preset("tiny", dim=DIM, **changes), DataFacts(ITEMS, [5, 7], "", "", ""))
    features = torch.randn(ITEMS, 12)
    if model.item_encoder:
        model.item_encoder.fit_scale(features)
    return model, features


@every_encoder
def test_a_vector_does_not_see_later_events(encoder: torch.nn.Module) -> None:
    events = torch.randn(2, 6, DIM)
    changed = events.clone()
    changed[:, 4:] = torch.randn(2, 2, DIM)
    torch.testing.assert_close(encoder(events)[:, :4], encoder(changed)[:, :4])
    assert not torch.allclose(encoder(events)[:, 4:], encoder(changed)[:, 4:])


@every_encoder
def test_left_padding_and_batching_change_nothing(encoder: torch.nn.Module) -> None:
    events = torch.randn(1, 4, DIM)
    valid = torch.tensor([[False] * 3 + [True] * 4, [True] * 7])
    batch = torch.cat([torch.cat([torch.full((1, 3, DIM), 99.0), events], dim=1), torch.randn(1, 7, DIM)])
    torch.testing.assert_close(encoder(batch, *left_padded(valid, 12))[0, -1], encoder(events)[0, -1])


@every_encoder
def test_one_event_alone_can_be_asked_for(encoder: torch.nn.Module) -> None:
    events, last = torch.randn(3, 6, DIM), torch.tensor([5, 0, 3])
    every = encoder(events)
    torch.testing.assert_close(encoder(events, last=last)[:, 0], every[torch.arange(3), last])
    padded = left_padded(torch.tensor([[True] * 6, [False] * 2 + [True] * 4, [False] * 5 + [True]]), 12)
    at_the_end = encoder(events, *padded, last=torch.tensor([5, 5, 5]))
    torch.testing.assert_close(at_the_end, encoder(events, *padded)[:, -1:])


@every_encoder
def test_attention_in_training_gives_the_same_vectors(encoder: torch.nn.Module) -> None:
    events = torch.randn(3, 9, DIM)
    with training_attention(torch.device("cpu")):
        trained = encoder(events)
    with torch.no_grad():
        torch.testing.assert_close(trained, encoder(events), atol=1e-5, rtol=1e-5)


def test_the_content_side_sends_no_gradient_into_the_id_model() -> None:
    model, features = molar()
    vectors = model.item_vectors(features)
    u, _ = model.user_vectors(torch.cat([vectors.fused, vectors.ids], dim=1)[torch.tensor([[0, 1, 2]])])
    (u @ vectors.fused.T).sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in model.id_model.parameters())
    assert model.gate.grad is not None


def test_the_content_side_learns_ids_of_its_own_but_for_items_that_are_hidden_or_unknown() -> None:
    model, features = molar()
    model.touched[1] = 0  # nobody has chosen item 1
    keep_ids = torch.ones(ITEMS, 1)
    keep_ids[2] = 0
    vectors = model.item_vectors(features, keep_ids)
    torch.testing.assert_close(vectors.fused[1:3], vectors.content[1:3])
    u, _ = model.user_vectors(torch.cat([vectors.fused, vectors.ids], dim=1)[torch.tensor([[0, 1, 2]])])
    (u @ vectors.fused.T).sum().backward()
    learned = model.own_ids.grad.any(dim=1)
    assert not learned[1:3].any()
    assert learned[[0, *range(3, ITEMS)]].all()


def test_one_dot_product_ranks_in_every_mode() -> None:
    model, features = molar()
    model.eval()
    model.id_weight.fill_(0.5)
    vectors = model.item_vectors(features)
    history = torch.tensor([[3, 1, 4]])
    u = model.user_encoder(vectors.fused[history])[:, -1]
    u_content = model.user_encoder(vectors.content[history])[:, -1]
    h = model.id_model(vectors.ids[history])[:, -1]
    expected = {
        "aligned": u @ vectors.fused.T + 0.5 * h @ vectors.ids.T,
        "content": u_content @ vectors.content.T,
        "ids": 0.5 * h @ vectors.ids.T,
    }
    for mode, table in vectors.tables().items():
        every_u, every_h = model.user_vectors(table[history])
        torch.testing.assert_close(model.query(every_u[:, -1], every_h[:, -1]) @ table.T, expected[mode])


def test_an_item_without_a_picture_gets_the_learned_vector() -> None:
    model, features = molar()
    model.eval()
    changed = features.clone()
    changed[2, 5:] = 0
    without = model.item_encoder(changed)
    assert torch.isfinite(without).all()
    torch.testing.assert_close(without[3], model.item_encoder(features)[3])
    assert not torch.allclose(without[2], model.item_encoder(features)[2])


def test_scaled_features_give_the_same_vectors() -> None:
    model, features = molar()
    model.eval()
    features[2, 5:] = 0
    scaled = model.item_encoder.scaled(features)
    assert torch.equal(model.item_encoder(scaled), model.item_encoder(features))


def test_missing_pictures_do_not_count_in_the_statistics() -> None:
    model, features = molar()
    features[:4, 5:] = 0
    model.item_encoder.fit_scale(features)
    torch.testing.assert_close(model.item_encoder.scales[1].mean, features[4:, 5:].mean(dim=0))


def test_without_ids_there_is_one_side() -> None:
    model, features = molar(ids=False)
    assert model.modes == ("content",)
    vectors = model.item_vectors(features)
    assert list(vectors.tensors()) == ["content"]
    u, h = model.user_vectors(vectors.tables()["content"][torch.tensor([[0, 1, 2]])])
    assert h is None
    assert torch.equal(model.query(u, h), u)
    assert not [name for name, _ in model.named_parameters() if name.startswith(("id_model", "gate", "own_ids"))]


def test_dropout_drops_the_stated_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = Dropout(0.25)(torch.ones(200, 1001))
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.005)
    assert torch.equal(Dropout(0.25).eval()(torch.ones(3)), torch.ones(3))


def cycle_dataset(users: int, length: int, seed: int = 0) -> Dataset:
    """Histories that follow a rule: the item after i is 3 i + 1 modulo the number of items."""
    import polars as pl

    start = np.random.default_rng(seed).integers(0, ITEMS, users)
    rows = [start]
    for _ in range(length - 1):
        rows.append((3 * rows[-1] + 1) % ITEMS)
    items = pl.DataFrame({"item_id": [str(i) for i in range(ITEMS)]})
    flat = np.stack(rows, axis=1).ravel().astype(np.int32)
    return Dataset(Path(), items, [str(u) for u in range(users)], np.arange(users + 1) * length, flat)


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({}, 150),
        ({"loss": "bce"}, 350),
        ({"loss": "gbce", "negatives": 8}, 450),
        ({"loss": "sampled_softmax", "negatives": 4}, 250),
        ({"item_tables": "rows", "negatives": 4}, 250),
        ({"ids": False}, 120),
        ({"ids": False, "blocks": "plain"}, 80),
        ({"id_model": "gru4rec"}, 300),
        ({"id_model": "fpmc"}, 250),
        ({"content": False}, 150),
        ({"content": False, "id_blocks": "plain"}, 150),
        ({"content": False, "id_model": "bert4rec"}, 500),
        ({"content": False, "item_tables": "rows", "negatives": 4}, 250),
    ],
)
def test_a_rule_is_learned(changes: dict, epochs: int) -> None:
    dataset = cycle_dataset(users=64, length=9)
    model, features = molar(dropout=0.0, content_steps=0.5, **changes)

    def learn(model: Molar) -> None:
        optimizers = Optimizers(model, model.config)
        draws = torch.Generator().manual_seed(0)
        for epoch in range(epochs):
            for batch in TrainingBatches(dataset, leave_one_out(dataset), 12, 512, 0, epoch):
                optimizers.zero_grad()
                batch_losses(model.train(), features, batch, draws)["loss"].backward()
                optimizers.step(1e-2 * (1 - 0.95 * epoch / epochs))

    if len(model.modes) > 1:
        alone, _ = molar(dropout=0.0, content=False, **changes)
        learn(alone)
        model.align_with(alone)
    learn(model)
    with torch.no_grad():
        vectors = model.eval().item_vectors(features)
    histories = dataset.rows.reshape(64, 9)[:, :5].astype(np.int64)
    target = torch.from_numpy((3 * histories[:, -1] + 1) % ITEMS)
    tables = vectors.tables()
    for mode, queries in mode_queries(model, vectors, list(histories)).items():
        guessed = (queries @ tables[mode].T).argmax(dim=1)
        assert (guessed == target).float().mean() >= 0.95, mode


def test_an_id_model_alone_is_what_it_is_inside_of_molar() -> None:
    model, features = molar()
    alone, _ = molar(content=False, seed=1)
    torch.nn.init.normal_(alone.id_embeddings())
    model.align_with(alone)
    assert alone.modes == ("ids",)
    vectors, inside = alone.item_vectors(None), model.item_vectors(features)
    assert list(vectors.tensors()) == ["ids"]
    torch.testing.assert_close(vectors.ids, inside.ids)
    history = torch.tensor([[3, 1, 4]])
    u, h = alone.eval().user_vectors(vectors.tables()["ids"][history])
    assert u is None
    torch.testing.assert_close(h, model.eval().user_vectors(inside.tables()["ids"][history])[1])
    assert torch.equal(alone.query(u, h), h)


def test_the_rate_warms_up_and_decays() -> None:
    config = preset("tiny", learning_rate=1.0, warmup_steps=10)
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(config, 9, 0.0) == pytest.approx(1.0)
    assert learning_rate(config, 1000, 1.0) == pytest.approx(0.05)


def test_save_and_load_again(tmp_path: Path) -> None:
    model, _ = molar()
    model.save_pretrained(tmp_path / "model")
    again = Molar.from_pretrained(tmp_path / "model")
    assert again.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_loading_says_what_is_wrong(tmp_path: Path) -> None:
    model, _ = molar()
    with pytest.raises(ModelError, match=r"config\.toml: no such file"):
        Molar.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged"):
        Molar.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace("layers = 1", "layers = 2"))
    with pytest.raises(ModelError, match=r"does not fit config\.toml"):
        Molar.from_pretrained(tmp_path)
    config.write_text(config.read_text().replace("layers = 2", "layers = 'two'"))
    with pytest.raises(ModelError, match="layers is 'two'; expected int"):
        Molar.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": 10, "heads": 4}, "dim 10 with 4 heads"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"seed": -1}, "seed is -1; it must not be negative"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"content": False, "ids": False}, "content and ids are both off"),
        ({"id_model": "bert4rec"}, "use it with --no-content"),
        ({"gbce_calibration": 1.5}, "gbce_calibration is 1.5; it must be between 0 and 1"),
        ({"negatives": 0}, "negatives is 0"),
        ({"last_events": -1}, "last_events is -1"),
        ({"view": "sound"}, "view is 'sound'; choose 'both' or 'text' or 'image'"),
    ],
)
def test_configurations_out_of_range(changes: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        preset("tiny", **changes)
