"""Fine-tuning an item encoder: learning, resuming, and the folder that it leaves."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from molar.engine import ModelError
from molar.train import item_finetuning
from molar.train.backbones import load_backbone
from molar.train.dataset import load_dataset
from molar.train.encoders import load_checkpoint, load_encoder, read_encoder_config
from molar.train.finetune_config import FinetuneConfig
from molar.train.item_finetuning import finetune, learning_rate
from molar.train.item_losses import FinetuningHeads, Knowledge
from molar.train.model_files import read_tensors

CPU = torch.device("cpu")
CONFIG = FinetuneConfig(backbone="tiny", text_tokens=64, target_tokens=16, examples=24, batch_size=8)


def test_fine_tuning_learns_every_task(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = noted(monkeypatch)
    config = FinetuneConfig(
        backbone="tiny", text_tokens=48, target_tokens=16, examples=480, batch_size=12, lora_rank=0, learning_rate=1e-2
    )
    finetune(shop, tmp_path / "encoder", config, "cpu")
    for task in ("image_to_text", "attributes_to_text", "history_to_next"):
        for loss in ("writing", "finding"):
            if (task, loss) == ("history_to_next", "finding"):
                continue  # the shop's people are too random for that; the next test has a rule
            values = seen[f"{task}/{loss}"]
            share = {"writing": 0.8, "finding": 0.97}[loss]  # many of the shop's texts are nearly the same
            assert np.mean(values[-5:]) < share * np.mean(values[:3]), (task, loss)


def noted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """All that fine-tuning notes, by name."""
    seen: dict[str, list[float]] = {}
    monkeypatch.setattr(
        "torch.utils.tensorboard.SummaryWriter.add_scalar",
        lambda _, name, value, step: seen.setdefault(name, []).append(value),
    )
    return seen


def test_next_items_and_companions_are_found_where_there_is_a_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = "".join(f"{number},{letter * 3}\n" for number, letter in enumerate("abcdef"))
    (tmp_path / "items.csv").write_text("item_id,title\n" + titles)
    events = [(user, (user + time) % 6, time) for user in range(6) for time in range(9)]  # after a comes b, after f a
    lines = "".join(f"{user},{item},{time}\n" for user, item, time in events)
    (tmp_path / "interactions.csv").write_text("user_id,item_id,timestamp\n" + lines)
    seen = noted(monkeypatch)
    config = FinetuneConfig(
        backbone="tiny",
        text_tokens=24,
        examples=1200,
        batch_size=6,
        history_items=1,
        companion_window=1,
        lora_rank=0,
        learning_rate=3e-3,
    )
    finetune(tmp_path, tmp_path / "encoder", config, "cpu")
    assert seen["history_to_next/companions"][0] > 1.7  # beside an item stands the one before or the one after: log 6
    assert np.mean(seen["history_to_next/companions"][-5:]) < 0.75  # log 2 = 0.693
    assert seen["history_to_next/finding"][0] > 1.5
    assert np.mean(seen["history_to_next/finding"][-5:]) < 0.5
    assert np.mean(seen["history_to_next/writing"][-5:]) < 0.3


def test_end_to_end_with_the_loss_of_the_recommender(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = noted(monkeypatch)
    config = FinetuneConfig(
        backbone="tiny",
        text_tokens=48,
        examples=480,
        batch_size=12,
        learning_rate=1e-2,
        image_to_text=0,
        attributes_to_text=0,
        history_to_next=0,
        sequences=1,
    )
    finetune(shop, tmp_path / "encoder", config, "cpu")
    assert set(seen) == {"sequences/next", "sequences/companions", "sequences/loss"}
    assert len(seen["sequences/next"]) == 40
    fresh, trained = load_backbone("tiny", 48, 16), load_encoder(str(tmp_path / "encoder"), 48, CPU).backbone
    assert not torch.equal(trained.projector[1].weight, fresh.projector[1].weight)


def test_a_fine_tuning_goes_on_from_another(shop: Path, encoder: Path, tmp_path: Path) -> None:
    still = {"learning_rate": 1e-12, "start": str(encoder)}
    finetune(shop, tmp_path / "next", replace(CONFIG, **still), "cpu")
    one, other = (load_encoder(str(folder), 64, CPU).backbone for folder in (encoder, tmp_path / "next"))
    assert torch.allclose(one.embedding_token, other.embedding_token, atol=1e-6)
    assert not torch.allclose(one.embedding_token, load_backbone("tiny", 64, 16).embedding_token, atol=1e-3)
    for changes, message in (
        ({"start": str(tmp_path)}, "not a folder of `molar finetune`"),
        ({"start": str(encoder), "lora_rank": 4}, "made from another backbone, or with another LoRA rank"),
    ):
        with pytest.raises(ModelError, match=message):
            finetune(shop, tmp_path / "other", replace(CONFIG, **changes), "cpu")
        assert not (tmp_path / "other").exists()


def test_a_small_encoder_learns_from_a_teacher(
    shop: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = noted(monkeypatch)
    config = FinetuneConfig(
        backbone="tiny", text_tokens=64, examples=480, batch_size=12, learning_rate=1e-2, teacher=str(encoder)
    )
    finetune(shop, tmp_path / "student", config, "cpu")
    for task in ("image_to_text", "attributes_to_text", "history_to_next"):
        values = seen[f"{task}/teacher"]
        assert values[0] > 0.5  # one minus a cosine: it knows nothing yet
        assert np.mean(values[-10:]) < 0.8 * values[0]


def test_a_resumed_encoder_is_the_same(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finetune(shop, tmp_path / "whole", CONFIG, "cpu")
    monkeypatch.setattr(item_finetuning, "_CHECKPOINT_SECONDS", 0)
    steps = 0

    def stop(*_: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 5 * 4:  # each of the first five steps notes four losses
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("torch.utils.tensorboard.SummaryWriter.add_scalar", stop)
        finetune(shop, tmp_path / "stopped", CONFIG, "cpu")
    with pytest.raises(ModelError, match="is not finished; continue it with `molar finetune --resume`"):
        load_encoder(str(tmp_path / "stopped"), 64, CPU)
    finetune(shop, tmp_path / "stopped", None, "cpu")
    one, other = (read_tensors(tmp_path / name / "encoder.safetensors")[0] for name in ("whole", "stopped"))
    assert {name: tensor.tolist() for name, tensor in one.items()} == {n: t.tolist() for n, t in other.items()}
    assert not (tmp_path / "stopped" / "checkpoint.safetensors").exists()
    with pytest.raises(ModelError, match="is finished; there is nothing to resume"):
        finetune(shop, tmp_path / "stopped", None, "cpu")


def test_what_was_trained_is_what_is_loaded(shop: Path, encoder: Path) -> None:
    loaded = load_encoder(str(encoder), 999, CPU)
    assert loaded.backbone.reader.preprocessing.text_tokens == 64  # of the folder
    tensors, _ = read_tensors(encoder / "encoder.safetensors")
    assert any("lora_A" in name for name in tensors)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        fresh = load_backbone("tiny", 64)
    batch = fresh.read(["Blue mug"], [None])
    with torch.inference_mode():
        assert not torch.allclose(loaded.backbone.embed(batch), fresh.embed(batch))
        assert torch.equal(loaded.backbone.embed(batch), load_encoder(str(encoder), 64, CPU).backbone.embed(batch))
    assert loaded.version != load_encoder("tiny", 64, CPU).version


def test_folders_that_cannot_be_used(shop: Path, encoder: Path, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(ModelError, match="exists already; continue it with --resume, or choose another --out"):
        finetune(shop, encoder, CONFIG, "cpu")
    with pytest.raises(ModelError, match=r"encoder\.toml: no such file"):
        finetune(shop, tmp_path / "none", None, "cpu")
    with pytest.raises(ModelError, match="cannot be loaded as an image-text-to-text model"):
        load_encoder(str(tmp_path / "none"), 64, CPU)
    broken = tmp_path / "broken"
    shutil.copytree(encoder, broken)
    text = (broken / "encoder.toml").read_text()
    (broken / "encoder.toml").write_text(text.replace("lora_rank = 16", "lora_rank = 0"))
    with pytest.raises(
        ModelError, match=r"encoder\.safetensors: made from another backbone, or with another LoRA rank"
    ):
        load_encoder(str(broken), 64, CPU)


def test_a_dataset_that_has_nothing_to_teach(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\nA,Mug\nB,Bowl\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id,timestamp\nu,A,1\n")
    with pytest.raises(ModelError, match="no item has what the chosen tasks need"):
        finetune(tmp_path, tmp_path / "encoder", CONFIG, "cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "towers"}, "backbone is 'towers', which are never fine-tuned"),
        ({"batch_size": 1}, "batch_size is 1; it must be at least 2"),
        ({"image_to_text": 0, "attributes_to_text": 0, "history_to_next": 0}, "all tasks have the share 0"),
        ({"learning_rate": 0}, "learning_rate is 0; it must be above 0"),
        ({"companion_weight": -1}, "companion_weight is -1; it must not be negative"),
        ({"text_tokens": 0}, "text_tokens is 0; it must be at least 1"),
    ],
)
def test_configurations_out_of_range(changes: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        FinetuneConfig(**changes)


def test_the_rate_warms_up_and_decays() -> None:
    config = FinetuneConfig(learning_rate=1.0)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[-1] < 0.01


def test_a_checkpoint_of_nothing(tmp_path: Path) -> None:
    backbone, heads = load_backbone("tiny", 8, 4), FinetuningHeads(32, Knowledge(None, None))
    assert load_checkpoint(tmp_path, backbone, heads, torch.optim.AdamW(backbone.parameters())) == 0


def test_the_commands_go_from_a_dataset_to_a_run(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLAR_CACHE", str(tmp_path / "cache"))

    def molar(*arguments: object) -> str:
        command = [sys.executable, "-m", "molar.app", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    tasks, encoder, vectors = tmp_path / "tasks", tmp_path / "encoder", tmp_path / "vectors.parquet"
    tiny = ("--backbone", "tiny", "--examples", 16, "--batch-size", 8)
    molar("finetune", shop, "--out", tasks, *tiny)
    said = molar("finetune", shop, "--end-to-end", "--start", tasks, "--out", encoder, *tiny)
    assert f"next: molar train {shop} --encoder {encoder}" in said
    config = read_encoder_config(encoder)
    assert (config.start, config.sequences, config.history_to_next) == (str(tasks), 3.0, 0.0)
    said = molar("embed", shop, "--encoder", encoder, "--out", vectors)
    assert "24 items, 48 numbers each; 24 read now" in said
    assert "24 items, 48 numbers each; 0 read now, the rest from the cache" in molar(
        "embed", shop, "--encoder", encoder
    )
    table = pl.read_parquet(vectors)
    assert table["item_id"].to_list() == load_dataset(shop).items["item_id"].to_list()
    assert table["vector"].dtype == pl.Array(pl.Float32, 48)
    molar("train", shop, "--out", tmp_path / "run", "--preset", "tiny", "--encoder", encoder, "--no-ids", "--epochs", 1)
    said = molar("evaluate", tmp_path / "run")
    assert "content only" in said
    assert "SASRec" not in said
