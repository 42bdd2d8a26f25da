"""Items that stand beside those that people chose, as not chosen.

Dimensions: T events, N items, C lines of K negatives.
"""

from dataclasses import dataclass, replace

import torch

from molar.train.config import TrainConfig

_EVENTS_TOGETHER = 512  # events that share their negatives


@dataclass(frozen=True)
class Negatives:
    """Drawn at random, each with the same chance.

    Attributes:
        rows: (C, K) int64.
        lines: (T,) int64 on the CPU, ascending: which line stands beside an event.
        candidates: how many items they were drawn from.
    """

    rows: torch.Tensor
    lines: torch.Tensor
    candidates: int

    def beside(self, events: torch.Tensor, device: torch.device) -> "Negatives":
        """Those of some events, on a device: of all processes one has so many."""
        return replace(self, rows=self.rows.to(device), lines=self.lines[events])


def draw_negatives(
    config: TrainConfig,
    items: int,
    target: torch.Tensor,
    draws: torch.Generator,
    chosen: torch.Tensor | None = None,
) -> Negatives | None:
    """Negatives of a batch, on the CPU; None for a loss that looks at all items.

    Args:
        config: of the run.
        items: N.
        target: (T,) int64 on the CPU, the rows of the items that came next.
        draws: a CPU generator.
        chosen: (M,) int64 rows, ascending, that they are drawn from; from all N where None.
    """
    loss = config.loss_for(items)
    if loss == "cross_entropy":
        return None
    chosen = None if chosen is None else chosen.cpu()
    candidates = items if chosen is None else len(chosen)
    if loss == "bce":  # one beside each event, another than its target
        place = target if chosen is None else torch.searchsorted(chosen, target)
        rows = (place + torch.randint(1, candidates, target.shape, generator=draws))[:, None] % candidates
        lines = torch.arange(len(target))
    else:
        count = -(-len(target) // _EVENTS_TOGETHER)
        rows = torch.randint(candidates, (count, config.negatives), generator=draws)
        lines = torch.arange(len(target)) // _EVENTS_TOGETHER
    return Negatives(rows if chosen is None else chosen[rows], lines, candidates)
