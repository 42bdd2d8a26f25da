"""What training minimises: the next-item loss of the side that learns, and the post-alignment.

Dimensions: B windows, L events, D width.
"""

import torch
from torch.nn.functional import embedding

from molar.train.batches import Batch
from molar.train.bert4rec import BERT4Rec
from molar.train.item_encoder import ScaledFeatures
from molar.train.losses import next_item_loss, symmetric_info_nce
from molar.train.model import Molar
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
        features: of all items, as `Molar.item_vectors` takes them, on the model's device; None for an ID model alone.
        batch: on the model's device.
        draws: a CPU generator for hidden IDs, alignment places and negatives, in the same state in all processes.
        share: which windows this process reads; its losses are then its part of the batch's. All of them if None.
        teachers: the content side learns from what they say.
    """
    config = model.config
    device = batch.history.device
    share = share or Share()
    own = Batch(*(share.of(part) for part in (batch.history, batch.target, batch.lengths, batch.users)))
    keep_ids = None
    if config.ids and config.content:
        hidden = 1.0 if torch.rand((), generator=draws) < config.content_steps else config.id_dropout
        keep_ids = (torch.rand(model.facts.items, 1, generator=draws) >= hidden).float().to(device)
    # One place in each window, drawn at random, is where the two vectors of a person are brought together.
    place = (torch.rand(len(batch.users), generator=draws).to(device) * batch.lengths).long()
    # The rest is drawn for each process by itself.
    negatives = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=draws)) + share.rank)
    vectors = model.item_vectors(features, keep_ids)
    if isinstance(model.id_model, BERT4Rec):
        assert vectors.ids is not None
        gaps = model.id_model.gaps(batch, draws)
        vector, asked = model.id_model.fill(own, vectors.ids, share.of(gaps))
        part = len(asked) / gaps.sum()
        loss = part * next_item_loss(config, vector, model.id_embeddings(), asked, negatives)
        return {"loss": loss, "ids": loss}
    valid = own.valid()
    target = own.target[valid]
    part = len(target) / batch.lengths.sum()
    positions = right_padded(own.lengths, own.history.shape[1], config.max_history)
    if vectors.content is None:
        assert model.id_model is not None and vectors.ids is not None
        h = model.id_model(embedding(own.history, vectors.ids), positions)  # (B, L, D)
        # Not around their mean: the order of scores is the same, but a binary loss needs most of them below zero.
        loss = part * next_item_loss(config, h[valid], model.id_embeddings(), target, negatives)
        return {"loss": loss, "ids": loss}
    assert model.user_encoder is not None
    read = vectors.content if vectors.fused is None else vectors.fused
    u = model.user_encoder(embedding(own.history, read), positions)  # (B, L, D)
    opinion = teachers.opinion(own) if teachers else None
    # What is new has not been turned down: as a negative it would be pushed out of everybody's list.
    chosen = None if model.touched.all() else model.touched[:, 0] > 0
    content = part * next_item_loss(config, u[valid], read, target, negatives, opinion, chosen)
    if model.id_model is None or vectors.ids is None:
        return {"loss": content, "content": content}
    place = share.of(place)
    with torch.no_grad():
        h = model.id_model(embedding(own.history, vectors.ids), positions, last=place)[:, 0]  # (B, D)
    u = u[torch.arange(len(own.users), device=device), place]
    by_content, by_ids = (share.gathered(side, len(batch.users)) for side in (u, h))
    alignment = symmetric_info_nce(by_content, by_ids, batch.users, model.log_temperature) / share.count
    return {"loss": content + config.alignment_weight * alignment, "content": content, "alignment": alignment}
