"""Training, from a dataset folder to a run folder. It reads from top to bottom."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from molar.engine.errors import DatasetError, ModelError
from molar.train import run as runs
from molar.train.backbones import compact
from molar.train.batches import Batch, training_batches
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset, load_dataset
from molar.train.device import choose_device, fast_bfloat16, keep_freed_memory
from molar.train.item_features import ItemFeatures, item_features
from molar.train.losses import alignment_loss, next_item_bce, next_item_cross_entropy
from molar.train.metrics import ranking_metrics, target_ranks
from molar.train.model import DataFacts, ItemVectors, Molar
from molar.train.ranking import hide_seen, last_vectors
from molar.train.split import Split, histories, leave_one_out, targets

_ID_WEIGHTS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)  # candidates of beta, tried on validation after each epoch


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
    dataset = load_dataset(dataset_folder)
    split = leave_one_out(dataset)
    if not (split.train_length > 1).any():
        raise DatasetError(f"{dataset_folder}: nobody has 2 events to train on, besides the 2 that validate and test")
    if config is None:
        config, facts = runs.read_config(run_folder)
        runs.check_dataset(facts, dataset)
    else:
        facts = DataFacts(
            len(dataset.items),
            compact.TEXT_DIM,
            compact.IMAGE_DIM,
            str(dataset_folder.resolve()),
            runs.dataset_fingerprint(dataset),
        )
        runs.create_run(run_folder, config, facts)

    with _progress_bar() as bar:
        reading = bar.add_task("reading items", total=None, losses="")
        features = item_features(
            dataset,
            config.text_tokens,
            device,
            lambda what, done, total: bar.update(reading, description=f"reading {what}", completed=done, total=total),
        )
        bar.remove_task(reading)
        features = ItemFeatures(features.text.to(device), features.image.to(device))

        torch.manual_seed(config.seed)
        model = Molar(config, facts).to(device)
        model.item_encoder.fit_scale(features.text, features.image)
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
                validation, vectors = _validate(model, features, dataset, split, device)
                line = {
                    "epoch": progress.epoch,
                    **losses,
                    **validation,
                    "gate": model.gate.item(),
                    "temperature": model.log_temperature.exp().item(),
                    "id_weight": model.id_weight.item(),
                    "train_seconds": round(trained - started, 2),
                    "validation_seconds": round(time.perf_counter() - trained, 2),
                }
                progress.metrics.append(line)
                # Where nobody can be evaluated, the last epoch is the best.
                if validation["aligned_ndcg@10"] > progress.best_ndcg or not len(split.evaluated):
                    progress.best_epoch, progress.best_ndcg = progress.epoch, validation["aligned_ndcg@10"]
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
    features: ItemFeatures,
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
    bar.reset(task, total=len(batches) * (config.epochs - progress.epoch))
    for index, batch in enumerate(batches):
        rate = learning_rate(config, progress.step, (progress.epoch + index / len(batches)) / config.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16 and fast_bfloat16(device)):
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


def batch_losses(model: Molar, features: ItemFeatures, batch: Batch, draws: torch.Generator) -> dict[str, torch.Tensor]:
    """The losses of one batch: content, ids, alignment, and their weighted sum under "loss".

    Args:
        model: in training mode.
        features: of all items, on the model's device.
        batch: on the model's device.
        draws: a CPU generator for hidden IDs, alignment places and negatives.
    """
    config = model.config
    device = batch.history.device
    hidden = 1.0 if torch.rand((), generator=draws) < config.content_steps else config.id_dropout
    keep_ids = (torch.rand(model.facts.items, 1, generator=draws) >= hidden).float().to(device)
    vectors = model.item_vectors(features, keep_ids)
    events = torch.cat([vectors.fused, vectors.ids], dim=1)
    u, h = model.user_vectors(torch.nn.functional.embedding(batch.history, events))  # (B, L, D) each

    valid = batch.valid()
    target = batch.target[valid]
    if config.loss == "bce":
        content_loss = next_item_bce(u[valid], vectors.fused, target, draws)
        ids_loss = next_item_bce(h[valid], vectors.ids, target, draws)
    else:
        content_loss = next_item_cross_entropy(u[valid], vectors.fused, target)
        ids_loss = next_item_cross_entropy(h[valid], vectors.ids, target)

    # One place in each window, drawn at random, is where the two vectors of a person are brought together.
    place = (torch.rand(len(batch.users), generator=draws).to(device) * batch.lengths).long()
    window = torch.arange(len(batch.users), device=device)
    aligned = alignment_loss(u[window, place], h[window, place].detach(), batch.users, model.log_temperature)
    total = content_loss + ids_loss + config.alignment_weight * aligned
    return {"loss": total, "content": content_loss, "ids": ids_loss, "alignment": aligned}


def learning_rate(config: TrainConfig, step: int, done: float) -> float:
    """Linear warm-up over `warmup_steps`, then a cosine from the peak to 5% of it.

    Args:
        config: the run's choices.
        step: optimizer steps done.
        done: share of all epochs done, in [0, 1].
    """
    warm = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    return config.learning_rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


@torch.inference_mode()
def _validate(
    model: Molar, features: ItemFeatures, dataset: Dataset, split: Split, device: torch.device
) -> tuple[dict[str, float], ItemVectors]:
    """Recall@10 and NDCG@10 on the validation events, seen items removed; sets the model's id_weight to the best."""
    model.eval()
    vectors = model.item_vectors(features)
    if not len(split.evaluated):
        return {"aligned_ndcg@10": 0.0}, vectors
    target = targets(dataset, split, "validation")
    seen = histories(dataset, split, "validation")
    longest = model.config.max_history
    with torch.autocast(device.type, torch.bfloat16, enabled=model.config.bfloat16 and fast_bfloat16(device)):
        u = last_vectors(model.user_encoder, vectors.fused, seen, longest)
        h = last_vectors(model.id_model, vectors.ids, seen, longest)
        content_u = last_vectors(model.user_encoder, vectors.content, seen, longest)

    ranks: dict[Any, list[np.ndarray]] = {}
    for start in range(0, len(target), 512):
        users = slice(start, start + 512)
        by_content = (u[users] @ vectors.fused.T).cpu().numpy()
        by_ids = (h[users] @ vectors.ids.T).cpu().numpy()
        by_content_alone = (content_u[users] @ vectors.content.T).cpu().numpy()
        for values in (by_content, by_ids, by_content_alone):
            hide_seen(values, seen[users])
        scores: dict[Any, np.ndarray] = {weight: by_content + weight * by_ids for weight in _ID_WEIGHTS}
        scores["ids"] = by_ids
        scores["content"] = by_content_alone
        for name, values in scores.items():
            ranks.setdefault(name, []).append(target_ranks(values, target[users]))
    results = {name: ranking_metrics(np.concatenate(parts), (10,)) for name, parts in ranks.items()}
    best = max(_ID_WEIGHTS, key=lambda weight: results[weight]["ndcg@10"])
    model.id_weight.fill_(best)
    named = {"aligned": results[best], "content": results["content"], "ids": results["ids"]}
    return {f"{mode}_{metric}": named[mode][metric] for mode in named for metric in ("recall@10", "ndcg@10")}, vectors


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
    parts += [f"{mode} NDCG@10 {line.get(f'{mode}_ndcg@10', 0.0):.4f}" for mode in ("aligned", "content", "ids")]
    return "  ".join(parts) + f"  {line['train_seconds'] + line['validation_seconds']:.0f} s{star}"
