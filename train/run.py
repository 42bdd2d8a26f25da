"""The run folder: what training leaves, and what resuming needs.

config.toml                 every choice
model.safetensors           the weights of the best epoch
item_vectors.safetensors    content, ids and fused, of the same epoch
metrics.jsonl               one line an epoch
ids/                        the run of the ID model that Molar is aligned with
checkpoints/epoch-0007/     everything that the next epoch needs; the last two are kept
evaluation.json             what `molar evaluate` wrote
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch.optim.swa_utils import AveragedModel

from molar.engine.errors import ModelError
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset, dataset_fingerprint
from molar.train.files import new_folder, write_json, write_text
from molar.train.model import DataFacts, ItemVectors, Molar, read_run_config, write_run_config
from molar.train.model_files import read_tensors, write_tensors
from molar.train.optimization import Optimizers

_KEPT_CHECKPOINTS = 2


@dataclass
class Progress:
    """Where training stands after an epoch.

    Attributes:
        epoch: epochs done.
        step: optimizer steps done.
        best_epoch: the epoch of model.safetensors, from 1; 0 before the first.
        best_ndcg: its validation NDCG@10.
        finished: nothing is left to train.
        metrics: a line an epoch.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_ndcg: float = -1.0
    finished: bool = False
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def epochs_without_gain(self) -> int:
        """Epochs since one of the modes ranked better on validation than ever before.

        Beside a finished ID model the content side learns for a while before the two together gain.
        """
        modes = [name for name in self.metrics[0] if name.endswith("_ndcg@10")]
        reached = [[line[mode] for line in self.metrics] for mode in modes]
        return min(len(values) - 1 - values.index(max(values)) for values in reached)


def id_run_folder(folder: Path) -> Path:
    """Where the run of the ID model is that a run is aligned with."""
    return folder / "ids"


def create_run(folder: Path, config: TrainConfig, facts: DataFacts, id_run: Path | None = None) -> None:
    """Make a run folder that holds its configuration, and a copy of the run of its ID model if there is one already.

    Raises:
        ModelError: the folder exists.
    """
    if folder.exists():
        raise ModelError(f"{folder}: exists already; continue it with --resume, or choose another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(folder) as temporary:
        write_run_config(temporary / "config.toml", config, facts)
        if id_run:
            shutil.copytree(id_run, id_run_folder(temporary))


def save_checkpoint(
    folder: Path,
    progress: Progress,
    model: Molar,
    optimizers: Optimizers,
    averaged: AveragedModel | None = None,
) -> None:
    """Write a checkpoint, then metrics.jsonl, then drop the oldest checkpoint."""
    checkpoints = folder / "checkpoints"
    name = checkpoints / f"epoch-{progress.epoch:04d}"
    shutil.rmtree(name, ignore_errors=True)
    with new_folder(name) as temporary:
        write_tensors(temporary / "model.safetensors", model.state_dict())
        write_tensors(temporary / "optimizer.safetensors", optimizers.tensors())
        if averaged is not None:
            write_tensors(temporary / "averaged.safetensors", averaged.state_dict())
        write_json(temporary / "progress.json", asdict(progress))
    write_text(folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in progress.metrics))
    for old in _checkpoints(folder)[:-_KEPT_CHECKPOINTS]:
        shutil.rmtree(old)


def load_checkpoint(
    folder: Path, model: Molar, optimizers: Optimizers, averaged: AveragedModel | None = None
) -> Progress:
    """Continue from the newest checkpoint; a run that has none yet starts at its beginning.

    Raises:
        ModelError: a file of the checkpoint is damaged.
    """
    found = _checkpoints(folder)
    if not found:
        return Progress()
    newest = found[-1]
    model.load_state_dict(read_tensors(newest / "model.safetensors")[0])
    optimizers.load(read_tensors(newest / "optimizer.safetensors")[0])
    if averaged is not None:
        averaged.load_state_dict(read_tensors(newest / "averaged.safetensors")[0])
    try:
        return Progress(**json.loads((newest / "progress.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{newest}: damaged ({error}); delete this folder to resume from the one before") from None


def save_best(folder: Path, progress: Progress, model: Molar, vectors: ItemVectors) -> None:
    """Write the weights and the item vectors of the best epoch so far."""
    epoch = {"epoch": str(progress.epoch)}
    write_tensors(folder / "item_vectors.safetensors", vectors.tensors(), epoch)
    write_tensors(folder / "model.safetensors", model.state_dict(), epoch)


def load_run(folder: Path) -> tuple[Molar, ItemVectors]:
    """The best model of a run, and its item vectors.

    Raises:
        ModelError: the run is not there, has no finished epoch, or was stopped between writing its two files.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such run folder")
    model = Molar.from_pretrained(folder)
    _, weights_of = read_tensors(folder / "model.safetensors")
    vectors, vectors_of = read_tensors(folder / "item_vectors.safetensors")
    if weights_of != vectors_of:
        raise ModelError(f"{folder}: the run was stopped while it saved; continue it with `molar train --resume`")
    return model, ItemVectors(**vectors)


def check_dataset(facts: DataFacts, dataset: Dataset) -> None:
    """Refuse a dataset that the run was not trained on.

    Raises:
        ModelError: item ids or histories differ.
    """
    if dataset_fingerprint(dataset) != facts.fingerprint:
        raise ModelError(f"{dataset.folder}: not the dataset that the run was trained on ({facts.dataset}), or changed")


def require_same(settings: Sequence[str], wanted: TrainConfig, found: TrainConfig, folder: Path) -> None:
    """Refuse a run whose settings do not fit those of another.

    Raises:
        ModelError: one of the settings differs.
    """
    for setting in settings:
        there, here = getattr(found, setting), getattr(wanted, setting)
        if there != here:
            raise ModelError(f"{folder}: was trained with {setting} {there}, this run with {here}")


def read_config(folder: Path) -> tuple[TrainConfig, DataFacts]:
    """The configuration of a run folder.

    Raises:
        ModelError: there is no run to continue.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such run folder; nothing to resume")
    return read_run_config(folder / "config.toml")


def _checkpoints(folder: Path) -> list[Path]:
    return sorted((folder / "checkpoints").glob("epoch-*"))
