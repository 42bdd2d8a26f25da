"""One training in several processes, each with a share of every batch: `torchrun` starts them, accelerate joins them.

Every process draws the same batches and holds the same weights, and the gradients of all are summed; so the result is
that of one process, but for rounding and for where dropout falls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed.nn.functional as differentiable
from accelerate import PartialState
from accelerate.utils import broadcast, reduce
from torch import nn

from molar.train.model_files import is_divided

Rows = TypeVar("Rows", torch.Tensor, np.ndarray, list[str], list[int])

_PATIENCE = timedelta(hours=24)  # the first reads a catalogue while the others wait


@dataclass(frozen=True)
class Share:
    """What one of several processes takes of a batch's windows or examples: each `count`-th from the `rank`-th on.

    Attributes:
        rank: of this process, from 0.
        count: of all processes.
    """

    rank: int = 0
    count: int = 1

    def of(self, rows: Rows) -> Rows:
        """(B, ...) -> this process' rows."""
        return rows[self.rank :: self.count]

    def gathered(self, rows: torch.Tensor, total: int) -> torch.Tensor:
        """(b, ...) rows of this process -> the (B, ...) of all; gradients find their way back to where they belong."""
        if self.count == 1:
            return rows
        everywhere = torch.zeros(total, *rows.shape[1:], dtype=rows.dtype, device=rows.device)
        everywhere[self.rank :: self.count] = rows
        whole: torch.Tensor = differentiable.all_reduce(everywhere)  # type: ignore[no-untyped-call]
        return whole


class Processes:
    """This process and those that train with it; alone, it is the one of one."""

    def __init__(self, device: torch.device) -> None:
        self.state = PartialState(cpu=device.type == "cpu", timeout=_PATIENCE)
        self.device: torch.device = self.state.device if self.state.num_processes > 1 else device
        self.first: bool = self.state.is_main_process
        self.all = Share(self.state.process_index, self.state.num_processes)

    def share(self, windows: int) -> Share:
        """Of a batch; one with fewer windows than processes is read by each as a whole."""
        return self.all if windows >= self.all.count else Share()

    def equalize(self, module: nn.Module) -> None:
        """Give a module the first process' numbers: decompositions may differ between machines in their signs."""
        if self.all.count > 1:
            broadcast([tensor.data for tensor in (*module.parameters(), *module.buffers())])

    def backward(self, loss: torch.Tensor, share: Share, *modules: nn.Module) -> None:
        """Gradients of the sum of all processes' losses; of one of them, where each read the whole batch.

        Args:
            loss: of this process' share.
            share: what it read.
            modules: whose parameters learn. Those that are divided among the processes sum their gradients themselves.
        """
        (loss * (share.count / self.all.count)).backward()  # type: ignore[no-untyped-call]
        if self.all.count == 1:
            return
        parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
        parameters = [p for p in parameters if not is_divided(p)]
        for parameter in parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:  # of the same rows in all processes
                values = parameter.grad._values().to(self.device)
                torch.distributed.all_reduce(values)
                parameter.grad._values().copy_(values)
        parameters = [p for p in parameters if p.grad is None or not p.grad.is_sparse]
        # What none of them used stays without a gradient, as with one process: its moments are not to move.
        used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32, device=self.device)
        torch.distributed.all_reduce(used)
        parameters = [p for p, by in zip(parameters, used.tolist(), strict=True) if by]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
        torch.distributed.all_reduce(flat)
        for parameter, grad in zip(parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True):
            parameter.grad = grad.view_as(parameter)

    def sum(self, values: Mapping[str, float]) -> dict[str, float]:
        """Numbers summed over the processes."""
        if self.all.count == 1:
            return dict(values)
        summed = reduce(torch.tensor(list(values.values()), dtype=torch.float64, device=self.device), "sum")
        return dict(zip(values, summed.tolist(), strict=True))
