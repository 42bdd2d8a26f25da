"""The losses of fine-tuning an item encoder.

Dimensions: B examples, N items, D width of the language model's state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from scipy import sparse
from torch import nn
from torch.nn import functional as F

from molar.train.config import FinetuneConfig
from molar.train.item_sequences import SequenceBatch, SequenceHead
from molar.train.item_tasks import Task
from molar.train.losses import symmetric_info_nce

_COMPANION_SCALE = 20.0  # lets a table that starts at zero reach any distribution within a few hundred steps


class FinetuningHeads(nn.Module):
    """What fine-tuning needs beside the backbone, and nobody after it.

    Args:
        items: N.
        dim: D.
        teacher_dim: width of a teacher's state; 0 where there is no teacher.
    """

    def __init__(self, items: int, dim: int, teacher_dim: int) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(0.07).log())
        self.companions = nn.Parameter(torch.zeros(items, dim))
        self.sequences = SequenceHead(dim)
        self.teacher = nn.Linear(dim, teacher_dim) if teacher_dim else None

    def companion_logits(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, D) vectors of items -> (B, N): what people choose beside each."""
        return _COMPANION_SCALE * F.normalize(vectors, dim=-1) @ self.companions.T


@dataclass(frozen=True)
class Knowledge:
    """What is known of all items beside their content.

    Attributes:
        companions: (N, N) of `item_tasks.companions`; None where the third task is off.
        teacher: (N, T) unit vectors of a teacher, on the model's device; None where there is none.
    """

    companions: sparse.csr_array | None
    teacher: torch.Tensor | None


def batch_losses(
    backbone: Any,
    heads: FinetuningHeads,
    batch: Task | SequenceBatch,
    views: Sequence[Any],
    written: Any,
    knowledge: Knowledge,
    config: FinetuneConfig,
) -> dict[str, torch.Tensor]:
    """Losses of one batch, and their weighted sum under "loss".

    writing: the target's text out of the source's vector. finding: the target among the batch's. companions: what
    people choose beside an item, out of any view of it. teacher: the teacher's vector of an item, likewise. next: the
    next item of histories, among the batch's.

    Args:
        backbone: in training mode.
        heads: what it needs beside it.
        batch: the examples.
        views: what `Backbone.read` made of the batch's views, on the model's device.
        written: what `Backbone.read_targets` made of the texts that are to be written; None for sequences.
        knowledge: of all items.
        config: the weights.
    """
    # What follows the language model's state is not trained.
    states = [backbone.embed(view)[:, : backbone.parts[0]] for view in views]
    if isinstance(batch, SequenceBatch):
        loss = heads.sequences(states[0], batch)
        return {"next": loss, "loss": loss}
    source, target = states
    losses = {"writing": backbone.text_loss(source, written)}
    rows = torch.from_numpy(batch.rows).to(source.device)
    losses["finding"] = symmetric_info_nce(source, target, rows, heads.log_temperature)
    total = losses["writing"] + config.contrastive_weight * losses["finding"]
    of_items = [target, source] if batch.source_is_item else [target]
    if knowledge.companions is not None and config.companion_weight:
        wanted = torch.from_numpy(knowledge.companions[batch.rows].toarray()).to(source.device)
        found = [F.cross_entropy(heads.companion_logits(view).float(), wanted) for view in of_items]
        losses["companions"] = torch.stack(found).mean()
        total = total + config.companion_weight * losses["companions"]
    if heads.teacher is not None and knowledge.teacher is not None:
        wanted = knowledge.teacher[rows]
        taught = [1 - F.cosine_similarity(heads.teacher(view).float(), wanted) for view in of_items]
        losses["teacher"] = torch.cat(taught).mean()
        total = total + config.teacher_weight * losses["teacher"]
    return {**losses, "loss": total}
