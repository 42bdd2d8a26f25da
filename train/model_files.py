"""Tensors on disk: safetensors only, never a pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from molar.engine.errors import ModelError
from molar.train.files import write_atomically

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor
    from typing_extensions import TypeIs


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file atomically."""
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    def write(temporary: Path) -> None:
        save_file(ready, temporary, dict(metadata or {}))
        temporary.chmod(0o644)  # safetensors leaves files that only their owner can read

    write_atomically(path, write)


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a safetensors file: tensors and metadata.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; has the first epoch of the run ended?") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: damaged ({error}); restore it or train again") from None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The state of an optimizer, by parameter and name."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(value) for i, entry in state.items() for name, value in entry.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what `optimizer_tensors` took out; moments are divided where their parameters are."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor | int]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        entry = state.setdefault(int(index), {})
        if value.dim():
            entry[name] = divided_as(value, parameters[int(index)])
        else:  # AdamW counts its steps in a tensor, SparseAdam in a number
            entry[name] = value if value.is_floating_point() else int(value)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def is_divided(tensor: torch.Tensor) -> "TypeIs[DTensor]":
    """Whether it is divided among processes; to load its class takes the better part of a second, which few need."""
    return hasattr(tensor, "placements")


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor that may be divided; every process has to ask for it."""
    return tensor.full_tensor() if is_divided(tensor) else tensor


def gathered(tensors: Mapping[str, torch.Tensor], kept: bool) -> dict[str, torch.Tensor]:
    """All of some tensors on the CPU, where they are to be kept; every process has to ask for them."""
    found = {}
    for name, tensor in tensors.items():
        everything = whole(tensor.detach())
        if kept:
            found[name] = everything.cpu()
    return found


def divided_as(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """This process' part of a whole tensor, where another one is divided."""
    if not is_divided(other):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements, src_data_rank=None)
