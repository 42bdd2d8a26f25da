"""Item encoders by name or folder, and the folder that fine-tuning leaves.

encoder.toml             every choice, the tables [finetune] and [data]
encoder.safetensors      what was trained: projector, embedding token, adapters; the rest comes with the backbone
checkpoint.safetensors   while it is not finished: all that the next step needs
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch
from torch import nn

from molar.engine.errors import ModelError
from molar.train.backbones import load_backbone
from molar.train.config import TrainConfig, config_from, read_toml
from molar.train.dataset import Dataset, dataset_fingerprint
from molar.train.files import new_folder, write_text
from molar.train.finetune_config import FinetuneConfig
from molar.train.model_files import (
    divided_as,
    gathered,
    load_optimizer,
    optimizer_tensors,
    read_tensors,
    write_tensors,
)

_CONFIG, _WEIGHTS, _CHECKPOINT = "encoder.toml", "encoder.safetensors", "checkpoint.safetensors"
_VERSION = "1"  # of the code: changes whenever the vectors of the same item would


@dataclass(frozen=True)
class Encoder:
    """A backbone in evaluation mode, on its device.

    Attributes:
        backbone: see `backbones.Backbone`.
        version: changes whenever its vectors would; part of the cache's key.
    """

    backbone: Any
    version: str


def create_encoder(folder: Path, config: FinetuneConfig, dataset: Dataset) -> None:
    """Make an encoder folder that holds its configuration.

    Raises:
        ModelError: the folder exists.
    """
    if folder.exists():
        raise ModelError(f"{folder}: exists already; continue it with --resume, or choose another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    data = {"dataset": str(dataset.folder.resolve()), "fingerprint": dataset_fingerprint(dataset)}
    with new_folder(folder) as temporary:
        write_text(temporary / _CONFIG, tomli_w.dumps({"finetune": asdict(config), "data": data}))


def read_encoder_config(folder: Path) -> FinetuneConfig:
    """The configuration of an encoder.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    return config_from(read_toml(folder / _CONFIG).get("finetune", {}), str(folder / _CONFIG), FinetuneConfig)


def resumed_config(folder: Path, dataset: Dataset) -> FinetuneConfig:
    """The configuration of an encoder that is to be continued.

    Raises:
        ModelError: there is no such encoder, it is finished, or it was begun on another dataset.
    """
    config = read_encoder_config(folder)
    if (folder / _WEIGHTS).exists():
        raise ModelError(f"{folder}: is finished; there is nothing to resume")
    if read_toml(folder / _CONFIG).get("data", {}).get("fingerprint") != dataset_fingerprint(dataset):
        raise ModelError(f"{dataset.folder}: not the dataset that {folder} was begun with, or changed")
    return config


def save_checkpoint(
    folder: Path, step: int, backbone: nn.Module, heads: nn.Module, optimizer: torch.optim.Optimizer, first: bool = True
) -> None:
    """Write all that the next step needs; for any number of processes that go on with it.

    Args:
        folder: of the encoder.
        step: steps that are done.
        backbone: its layers may be divided among processes: all of them call this.
        heads: what fine-tuning needs beside it.
        optimizer: of both.
        first: whether this is the process that writes.
    """
    tensors = {f"backbone.{name}": tensor for name, tensor in trained_parameters(backbone).items()}
    tensors |= {f"heads.{name}": tensor for name, tensor in heads.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(optimizer).items()}
    tensors = gathered(tensors, first)
    if first:
        write_tensors(folder / _CHECKPOINT, tensors, {"step": str(step)})


def load_checkpoint(folder: Path, backbone: nn.Module, heads: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Continue from the checkpoint, if there is one; the number of steps that are done.

    Raises:
        ModelError: the checkpoint is damaged.
    """
    if not (folder / _CHECKPOINT).exists():
        return 0
    tensors, metadata = read_tensors(folder / _CHECKPOINT)
    parts: dict[str, dict[str, torch.Tensor]] = {"backbone": {}, "heads": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    trained = trained_parameters(backbone)
    backbone.load_state_dict({n: divided_as(t, trained[n]) for n, t in parts["backbone"].items()}, strict=False)
    heads.load_state_dict(parts["heads"])
    load_optimizer(optimizer, parts["optimizer"])
    return int(metadata["step"])


def save_encoder(folder: Path, backbone: nn.Module, first: bool = True) -> None:
    """Write the weights of a finished encoder; its checkpoint goes. As in `save_checkpoint`."""
    tensors = gathered(trained_parameters(backbone), first)
    if first:
        write_tensors(folder / _WEIGHTS, tensors)
        (folder / _CHECKPOINT).unlink(missing_ok=True)


def trained_parameters(backbone: nn.Module) -> dict[str, torch.Tensor]:
    """Those that fine-tuning changes, by name."""
    return {name: parameter for name, parameter in backbone.named_parameters() if parameter.requires_grad}


def load_encoder(name: str, text_tokens: int, device: torch.device) -> Encoder:
    """An item encoder, ready to embed.

    Args:
        name: "towers", a backbone that is not fine-tuned, or a folder of `molar finetune`.
        text_tokens: where texts are cut, unless the folder says.
        device: where it shall run.

    Raises:
        ModelError: there is no such encoder, its weights are not installed, or its folder is damaged.
    """
    folder = Path(name)
    if not (folder / _CONFIG).exists():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            backbone = load_backbone(name, text_tokens)
        return Encoder(backbone.eval().to(device), f"{name}/{_VERSION}/{text_tokens}")
    config = read_encoder_config(folder)
    backbone = load_backbone(config.backbone, config.text_tokens, config.lora_rank)
    load_trained(folder, backbone)
    merge_adapters(backbone)
    digest = hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest()
    return Encoder(backbone.eval().to(device), f"{_VERSION}/{config.text_tokens}/{digest}")


def check_events(name: str, config: TrainConfig | FinetuneConfig) -> None:
    """Refuse an encoder that has learned from events that a run, or an encoder that goes on from it, may not see.

    Raises:
        ModelError: it has seen others than the run may see.
    """
    if not (Path(name) / _CONFIG).exists():
        return
    encoder = read_encoder_config(Path(name))
    learned_from_events = encoder.history_to_next or encoder.sequences
    for setting in ("withheld", "last_events"):
        wanted, found = getattr(config, setting), getattr(encoder, setting)
        if wanted and found != wanted and learned_from_events:
            raise ModelError(
                f"{name}: was fine-tuned with {setting} {found}, so it knows events that a run with {setting} {wanted} "
                "must not know; fine-tune one with the same"
            )


def load_trained(folder: Path, backbone: nn.Module) -> None:
    """Give a backbone the weights that a finished fine-tuning of the same backbone has left.

    Raises:
        ModelError: it is not finished, or of another backbone.
    """
    if not (folder / _WEIGHTS).exists():
        if not (folder / _CONFIG).exists():
            raise ModelError(f"{folder}: not a folder of `molar finetune`")
        raise ModelError(f"{folder}: its fine-tuning is not finished; continue it with `molar finetune --resume`")
    tensors, _ = read_tensors(folder / _WEIGHTS)
    wanted = {name: parameter.shape for name, parameter in trained_parameters(backbone).items()}
    if {name: tensor.shape for name, tensor in tensors.items()} != wanted:
        raise ModelError(f"{folder / _WEIGHTS}: made from another backbone, or with another LoRA rank")
    backbone.load_state_dict(tensors, strict=False)


def merge_adapters(backbone: nn.Module) -> None:
    """Add each LoRA adapter to the matrix that it stands beside, so that it costs nothing any more."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for module in backbone.modules():
        if isinstance(module, BaseTunerLayer):
            module.merge()
