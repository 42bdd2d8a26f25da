"""One training in several processes, each with a share of every batch: `torchrun` starts them, accelerate joins them.

Every process draws the same batches and holds the same weights, and the gradients of all are summed; so the result is
that of one process, but for rounding and for where dropout falls.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.distributed.nn.functional as differentiable
from accelerate import PartialState
from accelerate.utils import reduce
from torch import nn


@dataclass(frozen=True)
class Share:
    """What one of several processes takes of a batch's windows: each `count`-th from the `rank`-th on.

    Attributes:
        rank: of this process, from 0.
        count: of all processes.
    """

    rank: int = 0
    count: int = 1

    def of(self, rows: torch.Tensor) -> torch.Tensor:
        """(B, ...) -> this process' rows."""
        return rows[self.rank :: self.count]

    def gathered(self, rows: torch.Tensor, total: int) -> torch.Tensor:
        """(b, D) rows of this process -> the (B, D) of all; gradients find their way back to where they belong."""
        if self.count == 1:
            return rows
        everywhere = torch.zeros(total, rows.shape[1], dtype=rows.dtype, device=rows.device)
        everywhere[self.rank :: self.count] = rows
        whole: torch.Tensor = differentiable.all_reduce(everywhere)  # type: ignore[no-untyped-call]
        return whole


class Processes:
    """This process and those that train with it; alone, it is the one of one."""

    def __init__(self, device: torch.device) -> None:
        self.state = PartialState(cpu=device.type == "cpu")
        self.device: torch.device = self.state.device if self.state.num_processes > 1 else device
        self.first: bool = self.state.is_main_process
        self.all = Share(self.state.process_index, self.state.num_processes)

    def share(self, windows: int) -> Share:
        """Of a batch; one with fewer windows than processes is read by each as a whole."""
        return self.all if windows >= self.all.count else Share()

    def sum_gradients(self, model: nn.Module, share: Share) -> None:
        """Replace each gradient by its sum over the processes; by its mean where each read the whole batch."""
        if self.all.count == 1:
            return
        parameters = [p for p in model.parameters() if p.requires_grad]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([p.grad.flatten() for p in parameters])  # type: ignore[union-attr]
        torch.distributed.all_reduce(flat)
        flat *= share.count / self.all.count
        for parameter, grad in zip(parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True):
            parameter.grad = grad.view_as(parameter)

    def sum(self, values: Mapping[str, float]) -> dict[str, float]:
        """Numbers summed over the processes."""
        if self.all.count == 1:
            return dict(values)
        summed = reduce(torch.tensor(list(values.values()), dtype=torch.float64, device=self.device), "sum")
        return dict(zip(values, summed.tolist(), strict=True))
