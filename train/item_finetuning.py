"""`molar finetune`: an item encoder learns a catalogue by the paper's three tasks. It reads from top to bottom.

Each task reads one side of an item (or a history) into a vector, writes the other side's text out of that vector alone,
and finds the other side's vector among the batch's.
"""

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft.helpers import disable_input_dtype_casting
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn import functional as F
from torch.utils.tensorboard import SummaryWriter

from molar.engine.errors import ModelError
from molar.train import encoders
from molar.train.backbones import load_backbone
from molar.train.companions import companions
from molar.train.dataset import Dataset, load_dataset
from molar.train.device import choose_device, fast_bfloat16, keep_freed_memory, training_attention
from molar.train.finetune_config import FinetuneConfig
from molar.train.interrupts import interrupts_wait
from molar.train.item_embedding import embed_items
from molar.train.item_losses import FinetuningHeads, Knowledge, batch_losses
from molar.train.item_pictures import ItemPictures
from molar.train.item_sequences import SequenceBatch, sequence_batches
from molar.train.item_tasks import Task, View, item_texts, task_batches
from molar.train.processes import Processes, Share
from molar.train.regime import seen_by_run
from molar.train.sharding import clip_gradients, divide_layers, layer_parameters
from molar.train.split import Split, leave_one_out

_PREFETCHED = 3  # batches that are read ahead of training
_WARMUP = 0.05  # share of the steps
_CHECKPOINT_SECONDS = 300


def finetune(
    dataset_folder: Path, out: Path, config: FinetuneConfig | None, device_name: str = "auto", shard: bool = False
) -> None:
    """Fine-tune a backbone on a dataset's items and on the training part of its histories, or go on with that.

    Args:
        dataset_folder: the input.
        out: the encoder's folder, see `encoders`.
        config: choices of a new encoder; None continues the one in `out` to the same result as if it had never stopped.
        device_name: "auto", "cpu" or "cuda".
        shard: divide the language model's layers among the processes, instead of copying them.

    Raises:
        DatasetError: the dataset cannot be used, or a picture cannot be read.
        ModelError: the folder exists (new encoder) or cannot be continued; the backbone cannot be had; there is nothing
            to train on; there is one process to shard among; the loss is no longer a number.
    """
    keep_freed_memory()
    processes = Processes(choose_device(device_name))
    device = processes.device
    if shard and processes.all.count == 1:
        raise ModelError("--shard divides a model among several processes; start them with torchrun")
    whole = load_dataset(dataset_folder)
    new = config is not None
    if config is None:
        config = encoders.resumed_config(out, whole)
    dataset = seen_by_run(whole, config)
    split = leave_one_out(dataset)
    batches = mixed_batches(dataset, split, config)
    if not batches:
        raise ModelError(f"{dataset.folder}: no item has what the chosen tasks need (pictures, attributes, histories)")
    torch.manual_seed(config.seed)
    backbone: Any = load_backbone(config.backbone, config.text_tokens, config.lora_rank)
    if new:
        for other in filter(None, (config.start, config.teacher)):
            encoders.check_events(other, config)
        if config.start:
            encoders.load_trained(Path(config.start), backbone)
        if processes.first:
            encoders.create_encoder(out, config, whole)
    low = config.bfloat16 and fast_bfloat16(device)
    if not config.lora_rank:
        backbone.float()  # all of it is trained, and small steps are lost in bfloat16
    elif low:
        for parameter in backbone.pretrained.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.bfloat16()
    if shard:
        divide_layers(backbone.language, processes, low)
    backbone.to(device)
    with processes.state.main_process_first():  # the others find the teacher's vectors in the cache
        teacher = teacher_vectors(whole, config, device)
    of_people = config.history_to_next or config.sequences
    beside = companions(dataset, split, config.companion_window) if of_people else None
    knowledge = Knowledge(beside, teacher)
    heads = FinetuningHeads(backbone.parts[0], knowledge).to(device)
    processes.equalize(heads)
    learned = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    layers = layer_parameters(backbone.language)
    trained = [[p for p in learned if p in layers], [p for p in learned if p not in layers]]
    optimizer = torch.optim.AdamW(
        [
            *({"params": part, "weight_decay": 0.01} for part in trained),
            {"params": list(heads.parameters()), "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
    )
    done = encoders.load_checkpoint(out, backbone, heads, optimizer)
    backbone.train()
    with (
        _progress_bar(processes.first) as bar,
        _board(out, done, processes) as board,
        # Adapters turn what they read into float32, and autocast turns it back: a copy of every activation.
        disable_input_dtype_casting(backbone, active=low),
    ):
        seeing = bar.add_task("pictures", total=None)
        pictures = ItemPictures(
            dataset, backbone, processes, lambda seen, total: bar.update(seeing, completed=seen, total=total)
        )
        bar.remove_task(seeing)
        tuning = bar.add_task("fine-tuning", total=len(batches), completed=done)
        saved = time.monotonic()
        for step, (batch, views, written) in _read_ahead(backbone, pictures, batches, done, config, processes):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config, step, len(batches))
            # So a resumed run draws the same, and all processes, which see the same heads with the same gaps.
            torch.manual_seed(config.seed * 1_000_003 + step)
            share = processes.share(len(batch.rows))
            with training_attention(device), torch.autocast(device.type, torch.bfloat16, enabled=low):
                losses = batch_losses(
                    backbone,
                    heads,
                    batch,
                    [view.to(device) for view in views],
                    None if written is None else written.to(device),
                    knowledge,
                    config,
                    share,
                )
            optimizer.zero_grad(set_to_none=True)
            processes.backward(losses["loss"], share, backbone, heads)
            clip_gradients(trained, 1.0)
            optimizer.step()
            shares = processes.all.count // share.count
            noted = {name: value.item() / shares for name, value in losses.items()}
            due = processes.first and time.monotonic() - saved > _CHECKPOINT_SECONDS
            noted = processes.sum({**noted, "due": due})
            due = bool(noted.pop("due"))
            if not math.isfinite(noted["loss"]):
                raise ModelError(f"the loss is no longer a number in step {step + 1}; lower --learning-rate")
            bar.update(tuning, advance=1, description=f"{batch.name} {noted['loss']:.2f}")
            with interrupts_wait():
                if board is not None:
                    for name, value in noted.items():
                        board.add_scalar(f"{batch.name}/{name}", value, step + 1)
                if due:
                    encoders.save_checkpoint(out, step + 1, backbone, heads, optimizer, processes.first)
                    saved = time.monotonic()
    encoders.save_encoder(out, backbone, processes.first)


def learning_rate(config: FinetuneConfig, step: int, steps: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    done = (step + 0.5) / steps
    return config.learning_rate * min(done / _WARMUP, 0.5 * (1 + math.cos(math.pi * max(0.0, done - _WARMUP))))


def mixed_batches(dataset: Dataset, split: Split, config: FinetuneConfig) -> list[Task | SequenceBatch]:
    """All batches of a fine-tuning, the same for the same seed."""
    texts = item_texts(dataset)
    batches = [*task_batches(dataset, split, texts, config), *sequence_batches(dataset, split, texts, config)]
    return [batches[i] for i in np.random.default_rng([config.seed, 2]).permutation(len(batches))]


def teacher_vectors(dataset: Dataset, config: FinetuneConfig, device: torch.device) -> torch.Tensor | None:
    """(N, T) unit vectors around their mean, of what the teacher's language model says of each item.

    Raises:
        ModelError: there is no such encoder.
    """
    if not config.teacher:
        return None
    teacher = encoders.load_encoder(config.teacher, config.text_tokens, device)
    states = embed_items(dataset, teacher, device)[:, : teacher.backbone.parts[0]].to(device)
    return F.normalize(states - states.mean(dim=0), dim=-1)


def _read_ahead(
    backbone: Any,
    pictures: ItemPictures,
    batches: Sequence[Task | SequenceBatch],
    first: int,
    config: FinetuneConfig,
    processes: Processes,
) -> Iterator[tuple[int, tuple[Task | SequenceBatch, list[Any], Any]]]:
    """Tokenise texts and fetch pictures in a thread of their own, a few batches before they are needed.

    Yields:
        Steps from `first` on: the batch, this process' share of its views, and all that is to be written.
    """

    def view(shown: View, share: Share) -> Any:
        rows = share.of(shown.pictures)
        return backbone.read(share.of(shown.texts), [pictures[row] if row >= 0 else None for row in rows])

    def read(batch: Task | SequenceBatch) -> tuple[Task | SequenceBatch, list[Any], Any]:
        written = backbone.read_targets(batch.written, config.target_tokens) if isinstance(batch, Task) else None
        share = processes.share(len(batch.rows))
        return batch, [view(shown, share) for shown in batch.views], written

    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(read, batch) for batch in batches[first : first + _PREFETCHED]]
        for step in range(first, len(batches)):
            ready = waiting.pop(0).result()
            if step + _PREFETCHED < len(batches):
                waiting.append(pool.submit(read, batches[step + _PREFETCHED]))
            yield step, ready


def _board(out: Path, done: int, processes: Processes) -> AbstractContextManager[Any]:
    if not processes.first:
        return nullcontext()
    return SummaryWriter(out / "tensorboard", purge_step=done + 1)


def _progress_bar(shown: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, disable=not shown)
