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
from molar.train.processes import Share


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
    share: Share | None = None,
) -> dict[str, torch.Tensor]:
    """Losses of one batch, and their weighted sum under "loss".

    writing: the target's text out of the source's vector. finding: the target among the batch's. companions: what
    people choose beside an item, out of any view of it. teacher: the teacher's vector of an item, likewise. next: the
    next item of histories, among the batch's.

    Args:
        backbone: in training mode.
        heads: what it needs beside it.
        batch: the examples.
        views: what `Backbone.read` made of this process' share of the batch's views, on the model's device.
        written: what `Backbone.read_targets` made of all texts that are to be written; None for sequences.
        knowledge: of all items.
        config: the weights.
        share: which examples (of sequences: which items) this process reads; its losses are then its part of the
            batch's. The others' vectors are gathered: they are negatives in all processes. All of them if None.
    """
    share = share or Share()
    # What follows the language model's state is not trained.
    own = [backbone.embed(view)[:, : backbone.parts[0]] for view in views]
    states = [share.gathered(state, len(batch.rows)) for state in own]
    rows = torch.from_numpy(batch.rows).to(states[0].device)
    own_rows = share.of(rows)
    part = len(own_rows) / len(rows)
    if isinstance(batch, SequenceBatch):
        losses = {"next": heads.sequences(states[0], batch) / share.count}
        total = losses["next"]
        of_items = own
    else:
        source, target = states
        of_texts = share.of(written.token_mask).sum() / written.token_mask.sum()
        losses = {
            "writing": of_texts * backbone.text_loss(own[0], written.share(share)),
            "finding": symmetric_info_nce(source, target, rows, heads.log_temperature) / share.count,
        }
        total = losses["writing"] + config.contrastive_weight * losses["finding"]
        of_items = own[::-1] if batch.source_is_item else own[1:]
    if heads.companions is not None and knowledge.companions is not None and config.companion_weight:
        wanted = torch.from_numpy(knowledge.companions[share.of(batch.rows)].toarray()).to(rows.device)
        found = [F.cross_entropy(heads.companions(view).float(), wanted) for view in of_items]
        losses["companions"] = part * torch.stack(found).mean()
        total = total + config.companion_weight * losses["companions"]
    if heads.teacher is not None and knowledge.teacher is not None:
        wanted = knowledge.teacher[own_rows]
        taught = [1 - F.cosine_similarity(heads.teacher(view).float(), wanted) for view in of_items]
        losses["teacher"] = part * torch.cat(taught).mean()
        total = total + config.teacher_weight * losses["teacher"]
    return {**losses, "loss": total}
