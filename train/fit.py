"""Training, from a dataset folder to a run folder. It reads from top to bottom."""

import math
import time
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn.functional import embedding
from torch.utils.tensorboard import SummaryWriter

from molar.engine.errors import DatasetError, ModelError
from molar.train import run as runs
from molar.train.batches import Batch, training_batches
from molar.train.cold_start import withheld_items, without_events
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset, dataset_fingerprint, load_dataset
from molar.train.device import choose_device, fast_bfloat16, keep_freed_memory, training_attention
from molar.train.encoders import load_encoder
from molar.train.item_embedding import embed_items
from molar.train.losses import next_item_bce, next_item_cross_entropy, symmetric_info_nce
from molar.train.model import MODES, DataFacts, Molar
from molar.train.split import Split, leave_one_out, training_counts
from molar.train.validation import validate


def train(
    dataset_folder: Path, run_folder: Path, config: TrainConfig | None, device_name: str = "auto"
) -> runs.Progress:
    """Train a model, or go on with one.

    Args:
        dataset_folder: the input.
        run_folder: where the run is, or shall be.
        config: choices of a new run; None continues the run in `run_folder` to the same result as if it had never
            stopped.
        device_name: "auto", "cpu" or "cuda".

    Raises:
        DatasetError: the dataset cannot be used.
        ModelError: the run folder exists (new run), or cannot be continued; the loss is no longer a number.
    """
    keep_freed_memory()
    device = choose_device(device_name)
    facts = None
    dataset = load_dataset(dataset_folder)
    fingerprint = dataset_fingerprint(dataset)
    if config is None:
        config, facts = runs.read_config(run_folder)
        runs.check_dataset(facts, dataset)
    dataset = without_events(dataset, withheld_items(dataset, config.withheld))
    split = leave_one_out(dataset)
    if not (split.train_length > 1).any():
        raise DatasetError(f"{dataset_folder}: nobody has 2 events to train on, besides the 2 that validate and test")
    encoder = load_encoder(config.encoder, config.text_tokens, device)
    if facts is None:
        facts = DataFacts(
            len(dataset.items),
            list(encoder.backbone.parts),
            str(dataset_folder.resolve()),
            fingerprint,
            encoder.version,
        )
        runs.create_run(run_folder, config, facts)
    elif encoder.version != facts.encoder_version:
        raise ModelError(f"{config.encoder}: not the item encoder that {run_folder} was begun with; train anew")

    with _progress_bar() as bar:
        reading = bar.add_task("reading items", total=None, losses="")
        features = embed_items(
            dataset,
            encoder,
            device,
            lambda done, total: bar.update(reading, completed=done, total=total),
            config.view,
        ).to(device)
        del encoder
        bar.remove_task(reading)

        torch.manual_seed(config.seed)
        model = Molar(config, facts).to(device)
        model.item_encoder.fit_scale(features)
        if config.ids:
            model.touched.copy_(torch.from_numpy(training_counts(dataset, split) > 0)[:, None])
        optimizer = _optimizer(model, config)
        progress = runs.load_checkpoint(run_folder, model, optimizer)
        task = bar.add_task("training", total=None, losses="")
        with SummaryWriter(run_folder / "tensorboard", purge_step=progress.epoch + 1) as board:
            while not progress.finished:
                started = time.perf_counter()
                losses = _train_epoch(model, optimizer, dataset, split, features, progress, device, bar, task)
                trained = time.perf_counter()
                progress.epoch += 1
                if not math.isfinite(losses["loss"]):
                    raise ModelError(f"the loss is {losses['loss']} in epoch {progress.epoch}; lower --learning-rate")
                validation, vectors = validate(model, features, dataset, split, device)
                line = {
                    "epoch": progress.epoch,
                    **losses,
                    **validation,
                    **_learned_scalars(model),
                    "train_seconds": round(trained - started, 2),
                    "validation_seconds": round(time.perf_counter() - trained, 2),
                }
                progress.metrics.append(line)
                # Where nobody can be evaluated, the last epoch is the best.
                reached = validation[f"{model.modes[0]}_ndcg@10"]
                if reached > progress.best_ndcg or not len(split.evaluated):
                    progress.best_epoch, progress.best_ndcg = progress.epoch, reached
                    runs.save_best(run_folder, progress, model, vectors)
                waited = progress.epoch - progress.best_epoch
                progress.finished = progress.epoch >= config.epochs or waited >= config.patience
                runs.save_checkpoint(run_folder, progress, model, optimizer)
                for name, value in line.items():
                    board.add_scalar(name, value, progress.epoch)
                bar.console.print(_epoch_line(line, progress), soft_wrap=True, highlight=False)
    return progress


def _train_epoch(
    model: Molar,
    optimizer: torch.optim.Optimizer,
    dataset: Dataset,
    split: Split,
    features: torch.Tensor,
    progress: runs.Progress,
    device: torch.device,
    bar: Progress,
    task: Any,
) -> dict[str, float]:
    config = model.config
    batches = training_batches(dataset, split, config.max_history, config.batch_events, config.seed, progress.epoch)
    # All that is random in an epoch follows from the seed and the epoch, so a resumed run draws the same.
    torch.manual_seed(config.seed * 1_000_003 + progress.epoch)
    draws = torch.Generator().manual_seed(config.seed * 1_000_003 + progress.epoch)
    model.train()
    sums: dict[str, float] = {}
    events = 0
    low = config.bfloat16 and fast_bfloat16(device)
    bar.reset(task, total=len(batches) * (config.epochs - progress.epoch))
    for index, batch in enumerate(batches):
        rate = learning_rate(config, progress.step, (progress.epoch + index / len(batches)) / config.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with training_attention(device), torch.autocast(device.type, torch.bfloat16, enabled=low):
            losses = batch_losses(model, features, batch.to(device), draws)
        optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        progress.step += 1
        count = int(batch.lengths.sum())
        events += count
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.item() * count
        shown = "  ".join(f"{name} {total / events:.3f}" for name, total in sums.items())
        bar.update(task, advance=1, losses=shown, description=f"epoch {progress.epoch + 1}/{config.epochs}")
    return {name: total / events for name, total in sums.items()}


def batch_losses(model: Molar, features: torch.Tensor, batch: Batch, draws: torch.Generator) -> dict[str, torch.Tensor]:
    """The losses of one batch: content, ids, alignment, and their weighted sum under "loss".

    Args:
        model: in training mode.
        features: of all items, on the model's device.
        batch: on the model's device.
        draws: a CPU generator for hidden IDs, alignment places and negatives.
    """
    config = model.config
    device = batch.history.device
    keep_ids = None
    if config.ids:
        hidden = 1.0 if torch.rand((), generator=draws) < config.content_steps else config.id_dropout
        keep_ids = (torch.rand(model.facts.items, 1, generator=draws) >= hidden).float().to(device)
    vectors = model.item_vectors(features, keep_ids)
    valid = batch.valid()
    target = batch.target[valid]

    def next_item_loss(hidden: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        if config.loss == "bce":
            return next_item_bce(hidden[valid], table, target, draws)
        return next_item_cross_entropy(hidden[valid], table, target)

    if vectors.ids is None or vectors.fused is None:
        u, _ = model.user_vectors(embedding(batch.history, vectors.content))  # (B, L, D)
        loss = next_item_loss(u, vectors.content)
        return {"loss": loss, "content": loss}
    events = torch.cat([vectors.fused, vectors.ids], dim=1)
    u, h = model.user_vectors(embedding(batch.history, events))  # (B, L, D) each
    assert h is not None
    content_loss = next_item_loss(u, vectors.fused)
    ids_loss = next_item_loss(h, vectors.ids)
    # One place in each window, drawn at random, is where the two vectors of a person are brought together.
    place = (torch.rand(len(batch.users), generator=draws).to(device) * batch.lengths).long()
    window = torch.arange(len(batch.users), device=device)
    aligned = symmetric_info_nce(u[window, place], h[window, place].detach(), batch.users, model.log_temperature)
    total = content_loss + ids_loss + config.alignment_weight * aligned
    return {"loss": total, "content": content_loss, "ids": ids_loss, "alignment": aligned}


def _learned_scalars(model: Molar) -> dict[str, float]:
    if model.id_model is None:
        return {}
    return {
        "gate": model.gate.item(),
        "temperature": model.log_temperature.exp().item(),
        "id_weight": model.id_weight.item(),
    }


def learning_rate(config: TrainConfig, step: int, done: float) -> float:
    """Linear warm-up over `warmup_steps`, then a cosine from the peak to 5% of it.

    Args:
        config: the run's choices.
        step: optimizer steps done.
        done: share of all epochs done, in [0, 1].
    """
    warm = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    return config.learning_rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def _optimizer(model: Molar, config: TrainConfig) -> torch.optim.Optimizer:
    matrices = [m.weight for m in model.modules() if isinstance(m, torch.nn.Linear)]
    others = [p for p in model.parameters() if not any(p is matrix for matrix in matrices)]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def _progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )


def _epoch_line(line: dict[str, Any], progress: runs.Progress) -> str:
    star = " *" if progress.best_epoch == progress.epoch else ""
    parts = [f"epoch {line['epoch']:>3}", f"loss {line['loss']:.4f}"]
    parts += [f"{mode} NDCG@10 {line[f'{mode}_ndcg@10']:.4f}" for mode in MODES if f"{mode}_ndcg@10" in line]
    return "  ".join(parts) + f"  {line['train_seconds'] + line['validation_seconds']:.0f} s{star}"
