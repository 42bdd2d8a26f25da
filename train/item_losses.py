"""The losses of fine-tuning an item encoder.

Dimensions: B examples, N items, D width of the language model's state.
"""

from typing import Any

import torch
from scipy import sparse
from torch import nn
from torch.nn import functional as F

from molar.train.config import FinetuneConfig
from molar.train.item_tasks import Task
from molar.train.losses import symmetric_info_nce

_COMPANION_SCALE = 20.0  # lets a table that starts at zero reach any distribution within a few hundred steps


class FinetuningHeads(nn.Module):
    """What fine-tuning needs beside the backbone, and nobody after it.

    Args:
        items: N.
        dim: D.
    """

    def __init__(self, items: int, dim: int) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(0.07).log())
        self.companions = nn.Parameter(torch.zeros(items, dim))

    def companion_logits(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, D) vectors of items -> (B, N): what people choose beside each."""
        return _COMPANION_SCALE * F.normalize(vectors, dim=-1) @ self.companions.T


def task_losses(
    backbone: Any,
    heads: FinetuningHeads,
    task: Task,
    source: Any,
    target: Any,
    written: Any,
    beside: sparse.csr_array | None,
    config: FinetuneConfig,
) -> dict[str, torch.Tensor]:
    """Losses of one batch, and their weighted sum under "loss".

    writing: the target's text out of the source's vector. finding: the target among the batch's. companions: what
    people choose beside an item, out of any view of it.
    """
    state = backbone.parts[0]  # of the language model; what follows it is not trained
    vectors = backbone.embed(source)[:, :state]  # (B, D)
    targets = backbone.embed(target)[:, :state]  # (B, D)
    losses = {"writing": backbone.text_loss(vectors, written)}
    rows = torch.from_numpy(task.rows).to(vectors.device)
    losses["finding"] = symmetric_info_nce(vectors, targets, rows, heads.log_temperature)
    total = losses["writing"] + config.contrastive_weight * losses["finding"]
    if beside is not None and config.companion_weight:
        wanted = torch.from_numpy(beside[task.rows].toarray()).to(vectors.device)
        views = [targets, vectors] if task.source_is_item else [targets]
        found = [F.cross_entropy(heads.companion_logits(view).float(), wanted) for view in views]
        losses["companions"] = torch.stack(found).mean()
        total = total + config.companion_weight * losses["companions"]
    return {**losses, "loss": total}
