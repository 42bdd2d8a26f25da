"""Training, from a dataset folder to a run folder. It reads from top to bottom."""

import math
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.optim.swa_utils import AveragedModel
from torch.utils.tensorboard import SummaryWriter

from molar.engine.errors import DatasetError, ModelError
from molar.train import run as runs
from molar.train.batches import TrainingBatches
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset, dataset_fingerprint, load_dataset
from molar.train.device import choose_device, fast_bfloat16, keep_freed_memory, training_attention
from molar.train.encoders import Encoder, check_events, load_encoder
from molar.train.id_run import check_id_run, id_run_config
from molar.train.interrupts import interrupts_wait
from molar.train.item_embedding import embed_items
from molar.train.item_encoder import ItemEncoder, ScaledFeatures
from molar.train.model import MODES, DataFacts, Molar
from molar.train.objective import batch_losses
from molar.train.optimization import Optimizers, learning_rate, moving_average
from molar.train.processes import Processes
from molar.train.regime import seen_by_run
from molar.train.split import Split, leave_one_out, training_counts
from molar.train.teachers import Teachers, teachers_of
from molar.train.validation import Validation


def train(
    dataset_folder: Path,
    run_folder: Path,
    config: TrainConfig | None,
    device_name: str = "auto",
    id_run: Path | None = None,
) -> runs.Progress:
    """Train a model, or go on with one. The ID model of Molar is trained first, in a run of its own.

    Args:
        dataset_folder: the input.
        run_folder: where the run is, or shall be.
        config: choices of a new run; None continues the run in `run_folder` to the same result as if it had never
            stopped.
        device_name: "auto", "cpu" or "cuda".
        id_run: a run of the ID model alone, which a new Molar takes over instead.

    Raises:
        DatasetError: the dataset cannot be used.
        ModelError: the run folder exists (new run), or cannot be continued; `id_run` does not fit; the loss is no
            longer a number.
    """
    keep_freed_memory()
    processes = Processes(choose_device(device_name))
    device = processes.device
    facts = None
    dataset = load_dataset(dataset_folder)
    fingerprint = dataset_fingerprint(dataset)
    if config is None:
        config, facts = runs.read_config(run_folder)
        runs.check_dataset(facts, dataset)
    dataset = seen_by_run(dataset, config)
    split = leave_one_out(dataset)
    if not (split.train_length > 1).any():
        raise DatasetError(f"{dataset_folder}: nobody has 2 events to train on, besides the 2 that validate and test")
    encoder = None
    if config.content:
        check_events(config.encoder, config)
        encoder = load_encoder(config.encoder, config.text_tokens, device)
    parts, version = (list(encoder.backbone.parts), encoder.version) if encoder else ([], "")
    if facts is None:
        facts = DataFacts(len(dataset.items), parts, str(dataset_folder.resolve()), fingerprint, version)
        if id_run:
            check_id_run(id_run, config, facts)
        if processes.first:
            runs.create_run(run_folder, config, facts, id_run)
    elif version != facts.encoder_version:
        raise ModelError(f"{config.encoder}: not the item encoder that {run_folder} was begun with; train anew")

    features = None
    if encoder:
        with _progress_bar(processes.first) as bar, processes.state.main_process_first():
            features = _read_items(dataset, encoder, config.view, device, bar)  # the others find them in the cache
        del encoder
    alone = None
    if config.content and config.ids:
        folder = runs.id_run_folder(run_folder)
        train(dataset_folder, folder, None if folder.exists() else id_run_config(config), device_name)
        processes.state.wait_for_everyone()
        alone, _ = runs.load_run(folder)

    with _progress_bar(processes.first) as bar:
        torch.manual_seed(config.seed)
        model = Molar(config, facts).to(device)
        if alone is not None:
            model.align_with(alone)
        del alone
        if model.item_encoder is not None and features is not None:
            model.item_encoder.fit_scale(features)
        model.touched.copy_(torch.from_numpy(training_counts(dataset, split) > 0)[:, None])
        optimizers = Optimizers(model, config)
        averaged = moving_average(model, config)
        teachers = teachers_of(config, facts, device)
        judged: Molar = model if averaged is None else averaged.module  # type: ignore[assignment]
        progress = runs.load_checkpoint(run_folder, model, optimizers, averaged)
        read = None
        if model.item_encoder is not None and features is not None:
            read = _scaled(model.item_encoder, features, config, device)
        del features
        validation = Validation(dataset, split, device, config.validated)
        task = bar.add_task("training", total=None, losses="")
        with _board(run_folder, progress, processes) as board:
            while not progress.finished:
                started = time.perf_counter()
                losses = _train_epoch(
                    model, averaged, optimizers, teachers, dataset, split, read, progress, processes, bar, task
                )
                trained = time.perf_counter()
                progress.epoch += 1
                if not math.isfinite(losses["loss"]):
                    raise ModelError(f"the loss is {losses['loss']} in epoch {progress.epoch}; lower --learning-rate")
                validated, vectors = validation.metrics(judged, read)
                line = {
                    "epoch": progress.epoch,
                    **losses,
                    **validated,
                    **_learned_scalars(judged),
                    "train_seconds": round(trained - started, 2),
                    "validation_seconds": round(time.perf_counter() - trained, 2),
                }
                progress.metrics.append(line)
                with interrupts_wait():
                    # Where nobody can be evaluated, the last epoch is the best.
                    reached = validated[f"{model.modes[0]}_ndcg@10"]
                    if reached > progress.best_ndcg or not len(split.evaluated):
                        progress.best_epoch, progress.best_ndcg = progress.epoch, reached
                        if processes.first:
                            runs.save_best(run_folder, progress, judged, vectors)
                    waited = progress.epochs_without_gain() if len(split.evaluated) else 0
                    progress.finished = progress.epoch >= config.epochs or waited >= config.patience
                    if processes.first:
                        runs.save_checkpoint(run_folder, progress, model, optimizers, averaged)
                    if board is not None:
                        for name, value in line.items():
                            board.add_scalar(name, value, progress.epoch)
                if processes.first:
                    bar.console.print(_epoch_line(line, progress), soft_wrap=True, highlight=False)
    return progress


def _read_items(dataset: Dataset, encoder: Encoder, view: str, device: torch.device, bar: Progress) -> torch.Tensor:
    reading = bar.add_task("reading items", total=None, losses="")
    features = embed_items(
        dataset, encoder, device, lambda done, total: bar.update(reading, completed=done, total=total), view
    )
    bar.remove_task(reading)
    return features


def _scaled(encoder: ItemEncoder, features: torch.Tensor, config: TrainConfig, device: torch.device) -> ScaledFeatures:
    if not config.reads_rows(len(features)):
        return encoder.scaled(features.to(device))
    return encoder.scaled_for_rows(features, torch.device("cpu") if config.item_tables == "host" else device)


def _train_epoch(
    model: Molar,
    averaged: AveragedModel | None,
    optimizers: Optimizers,
    teachers: Teachers | None,
    dataset: Dataset,
    split: Split,
    features: torch.Tensor | ScaledFeatures | None,
    progress: runs.Progress,
    processes: Processes,
    bar: Progress,
    task: Any,
) -> dict[str, float]:
    config, device = model.config, processes.device
    batches = TrainingBatches(dataset, split, config.max_history, config.batch_events, config.seed, progress.epoch)
    # All that is random in an epoch follows from the seed and the epoch, so a resumed run draws the same.
    torch.manual_seed(config.seed * 1_000_003 + progress.epoch + processes.all.rank * 7_919)
    draws = torch.Generator().manual_seed(config.seed * 1_000_003 + progress.epoch)
    model.train()
    sums: dict[str, float] = {}
    events = 0
    low = config.bfloat16 and fast_bfloat16(device)
    bar.reset(task, total=len(batches) * (config.epochs - progress.epoch))
    for index, batch in enumerate(batches):
        rate = learning_rate(config, progress.step, (progress.epoch + index / len(batches)) / config.epochs)
        with training_attention(device), torch.autocast(device.type, torch.bfloat16, enabled=low):
            share = processes.share(len(batch.users))
            losses = batch_losses(model, features, batch, draws, share, teachers)
        optimizers.zero_grad()
        processes.backward(losses["loss"], share, model)
        optimizers.step(rate)
        if averaged is not None:
            averaged.update_parameters(model)
        progress.step += 1
        count = int(batch.lengths.sum())
        events += count
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.item() * count / (processes.all.count // share.count)
        shown = "  ".join(f"{name} {total / events:.3f}" for name, total in sums.items())
        bar.update(task, advance=1, losses=shown, description=f"epoch {progress.epoch + 1}/{config.epochs}")
    return {name: total / events for name, total in processes.sum(sums).items()}


def _learned_scalars(model: Molar) -> dict[str, float]:
    if model.item_encoder is None or model.id_model is None:
        return {}
    return {
        "gate": model.gate.item(),
        "temperature": model.log_temperature.exp().item(),
        "id_weight": model.id_weight.item(),
    }


def _board(run_folder: Path, progress: runs.Progress, processes: Processes) -> AbstractContextManager[Any]:
    if not processes.first:
        return nullcontext()
    return SummaryWriter(run_folder / "tensorboard", purge_step=progress.epoch + 1)


def _progress_bar(shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        disable=not shown,
    )


def _epoch_line(line: dict[str, Any], progress: runs.Progress) -> str:
    star = " *" if progress.best_epoch == progress.epoch else ""
    parts = [f"epoch {line['epoch']:>3}", f"loss {line['loss']:.4f}"]
    parts += [f"{mode} NDCG@10 {line[f'{mode}_ndcg@10']:.4f}" for mode in MODES if f"{mode}_ndcg@10" in line]
    return "  ".join(parts) + f"  {line['train_seconds'] + line['validation_seconds']:.0f} s{star}"
