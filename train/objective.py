"""What training minimises: next-item losses of both sides, and the post-alignment.

Dimensions: B windows, L events, D width.
"""

import torch
from torch.nn.functional import embedding

from molar.train.batches import Batch
from molar.train.bert4rec import BERT4Rec
from molar.train.losses import next_item_loss, symmetric_info_nce
from molar.train.model import Molar


def batch_losses(
    model: Molar, features: torch.Tensor | None, batch: Batch, draws: torch.Generator
) -> dict[str, torch.Tensor]:
    """The losses of one batch: content, ids, alignment, and their weighted sum under "loss".

    Args:
        model: in training mode.
        features: of all items, on the model's device; None for an ID model alone.
        batch: on the model's device.
        draws: a CPU generator for hidden IDs, alignment places and negatives.
    """
    config = model.config
    device = batch.history.device
    keep_ids = None
    if config.ids and config.content:
        hidden = 1.0 if torch.rand((), generator=draws) < config.content_steps else config.id_dropout
        keep_ids = (torch.rand(model.facts.items, 1, generator=draws) >= hidden).float().to(device)
    vectors = model.item_vectors(features, keep_ids)
    if isinstance(model.id_model, BERT4Rec):
        assert vectors.ids is not None
        vector, asked = model.id_model.masked(batch, vectors.ids, draws)
        loss = next_item_loss(config, vector, model.id_model.items.weight, asked, draws)
        return {"loss": loss, "ids": loss}
    valid = batch.valid()
    target = batch.target[valid]
    read = vectors.content if vectors.fused is None else vectors.fused  # by the user encoder
    sides = [side for side in (read, vectors.ids) if side is not None]
    u, h = model.user_vectors(embedding(batch.history, torch.cat(sides, dim=1)))  # (B, L, D) each
    losses = {}
    if u is not None and read is not None:
        losses["content"] = next_item_loss(config, u[valid], read, target, draws)
    if h is not None and model.id_model is not None:
        # Not around their mean: the order of scores is the same, but a binary loss needs most of them below zero.
        losses["ids"] = next_item_loss(config, h[valid], model.id_model.items.weight, target, draws)
    total = torch.stack(list(losses.values())).sum()
    if u is not None and h is not None:
        # One place in each window, drawn at random, is where the two vectors of a person are brought together.
        place = (torch.rand(len(batch.users), generator=draws).to(device) * batch.lengths).long()
        window = torch.arange(len(batch.users), device=device)
        aligned = symmetric_info_nce(u[window, place], h[window, place].detach(), batch.users, model.log_temperature)
        losses["alignment"] = aligned
        total = total + config.alignment_weight * aligned
    return {"loss": total, **losses}
