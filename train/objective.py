"""What training minimises: the next-item loss of the side that learns, and the post-alignment.

Dimensions: B windows, L events, D width.
"""

import torch
from torch.nn.functional import embedding

from molar.train.batches import Batch
from molar.train.bert4rec import BERT4Rec
from molar.train.item_encoder import ScaledFeatures
from molar.train.item_tables import rows_of_batch
from molar.train.losses import next_item_loss, symmetric_info_nce
from molar.train.model import Molar
from molar.train.negatives import draw_negatives
from molar.train.processes import Share
from molar.train.teachers import Teachers
from molar.train.transformer import right_padded


def batch_losses(
    model: Molar,
    features: torch.Tensor | ScaledFeatures | None,
    batch: Batch,
    draws: torch.Generator,
    share: Share | None = None,
    teachers: Teachers | None = None,
) -> dict[str, torch.Tensor]:
    """The losses of one batch: ids for an ID model alone, else content and alignment; "loss" is their weighted sum.

    Args:
        model: in training mode.
        features: of all items, as `Molar.item_vectors` takes them; None for an ID model alone.
        batch: on the CPU.
        draws: a CPU generator for negatives, hidden IDs and alignment places, in the same state in all processes.
        share: which windows this process reads; its losses are then its part of the batch's. All of them if None.
        teachers: the content side learns from what they say.
    """
    config, device, items = model.config, model.device, model.facts.items
    share = share or Share()
    filled = model.id_model if isinstance(model.id_model, BERT4Rec) else None
    asked = batch.valid() if filled is None else filled.gaps(batch, draws)
    wanted = (batch.target if filled is None else filled.window(batch))[asked]
    # What is new has not been turned down: as a negative it would be pushed out of everybody's list.
    chosen = None if not config.content or model.touched.all() else model.touched[:, 0].nonzero()[:, 0]
    negatives = draw_negatives(config, items, wanted, draws, chosen)
    # One place in each window, drawn at random, is where the two vectors of a person are brought together.
    place = share.of((torch.rand(len(batch.users), generator=draws) * batch.lengths).long()).to(device)
    rows = None
    if config.reads_rows(items):
        rows, batch, negatives = rows_of_batch(batch, negatives)
    keep_ids = None
    if config.ids and config.content:
        hidden = 1.0 if torch.rand((), generator=draws) < config.content_steps else config.id_dropout
        known = items if rows is None else len(rows)
        keep_ids = (torch.rand(known, 1, generator=draws) >= hidden).float().to(device)

    part = share.of(asked).sum() / asked.sum()
    if negatives is not None:
        number = asked.flatten().cumsum(0).view_as(asked) - 1  # of an event
        negatives = negatives.beside(share.of(number)[share.of(asked)], device)
    batch, asked = batch.to(device), share.of(asked).to(device)
    own = Batch(*(share.of(part) for part in (batch.history, batch.target, batch.lengths, batch.users)))
    positions = right_padded(own.lengths, own.history.shape[1], config.max_history)
    if not config.content:
        # Scores not around their mean: their order is the same, but a binary loss needs most of them below zero.
        table = model.id_embeddings(rows)
        read = model.around_mean(table, rows)
        if filled is not None:
            h, target = filled.fill(own, read, asked)
        else:
            assert model.id_model is not None
            h = model.id_model(embedding(own.history, read), positions)[asked]
            target = own.target[asked]
        loss = part * next_item_loss(config, h, table, target, negatives)
        return {"loss": loss, "ids": loss}
    vectors = model.item_vectors(features, keep_ids, rows)
    assert model.user_encoder is not None and vectors.content is not None
    read = vectors.content if vectors.fused is None else vectors.fused
    u = model.user_encoder(embedding(own.history, read), positions)  # (B, L, D)
    opinion = teachers.opinion(own) if teachers else None
    content = part * next_item_loss(config, u[asked], read, own.target[asked], negatives, opinion, chosen)
    if model.id_model is None or vectors.ids is None:
        return {"loss": content, "content": content}
    with torch.no_grad():
        h = model.id_model(embedding(own.history, vectors.ids), positions, last=place)[:, 0]  # (B, D)
    u = u[torch.arange(len(own.users), device=device), place]
    by_content, by_ids = (share.gathered(side, len(batch.users)) for side in (u, h))
    alignment = symmetric_info_nce(by_content, by_ids, batch.users, model.log_temperature) / share.count
    return {"loss": content + config.alignment_weight * alignment, "content": content, "alignment": alignment}
