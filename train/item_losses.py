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

from molar.train.companions import CompanionHead
from molar.train.finetune_config import FinetuneConfig
from molar.train.item_sequences import SequenceBatch, SequenceHead
from molar.train.item_tasks import Task
from molar.train.losses import symmetric_info_nce


@dataclass(frozen=True)
class Knowledge:
    """What is known of all items beside their content.

    Attributes:
        companions: (N, N) of `companions.companions`; None where nothing of people's choices shall be learned.
        teacher: (N, T) unit vectors of a teacher, on the model's device; None where there is none.
    """

    companions: sparse.csr_array | None
    teacher: torch.Tensor | None


class FinetuningHeads(nn.Module):
    """What fine-tuning needs beside the backbone, and nobody after it.

    Args:
        dim: D.
        knowledge: of all items.
    """

    def __init__(self, dim: int, knowledge: Knowledge) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(0.07).log())
        self.companions = None if knowledge.companions is None else CompanionHead(dim, knowledge.companions)
        self.sequences = SequenceHead(dim)
        self.teacher = None if knowledge.teacher is None else nn.Linear(dim, knowledge.teacher.shape[1])


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
    rows = torch.from_numpy(batch.rows).to(states[0].device)
    if isinstance(batch, SequenceBatch):
        losses = {"next": heads.sequences(states[0], batch)}
        total = losses["next"]
        of_items = states
    else:
        source, target = states
        losses = {
            "writing": backbone.text_loss(source, written),
            "finding": symmetric_info_nce(source, target, rows, heads.log_temperature),
        }
        total = losses["writing"] + config.contrastive_weight * losses["finding"]
        of_items = [target, source] if batch.source_is_item else [target]
    if heads.companions is not None and knowledge.companions is not None and config.companion_weight:
        wanted = torch.from_numpy(knowledge.companions[batch.rows].toarray()).to(rows.device)
        found = [F.cross_entropy(heads.companions(view).float(), wanted) for view in of_items]
        losses["companions"] = torch.stack(found).mean()
        total = total + config.companion_weight * losses["companions"]
    if heads.teacher is not None and knowledge.teacher is not None:
        wanted = knowledge.teacher[rows]
        taught = [1 - F.cosine_similarity(heads.teacher(view).float(), wanted) for view in of_items]
        losses["teacher"] = torch.cat(taught).mean()
        total = total + config.teacher_weight * losses["teacher"]
    return {**losses, "loss": total}
