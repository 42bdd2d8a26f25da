"""What picture and text bring to each item's vector: the part of a bundle that explains.

Dimensions: N items, D width of item vectors, W width of a row of an item table.
"""

from collections.abc import Callable, Mapping

import torch

from molar.engine.explain import shapley
from molar.export.pack_encoder import run_encoder
from molar.train.dataset import Dataset
from molar.train.device import choose_device
from molar.train.item_embedding import embed_items
from molar.train.model import ItemVectors, Molar


def item_parts(
    model: Molar,
    vectors: ItemVectors,
    dataset: Dataset,
    apart: bool,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, torch.Tensor]:
    """The tensors of item-parts.safetensors.

    Args:
        model: in evaluation mode.
        vectors: of all items.
        dataset: whose pictures and texts are read, each once more alone; what was read before is in the cache.
        apart: tell picture and text apart; without, the means of the tables are all there is.
        say: is told what is being done.

    Raises:
        ModelError: the item encoder is not there any more, or has changed since the training.
        DatasetError: a picture cannot be read.
    """
    tensors = {f"{mode}.mean": table.detach().mean(dim=0) for mode, table in vectors.tables().items()}
    if not apart or model.item_encoder is None or vectors.content is None:
        return tensors
    device = choose_device("auto")
    encoder = run_encoder(model, device)
    by = {"both": vectors.content.detach()}
    views = ("image", "text") if model.config.view == "both" else ()
    with torch.inference_mode():
        for view in views:
            say(f"items by their {view} alone")
            by[view] = model.item_encoder(embed_items(dataset, encoder, device, view=view))
        nothing = model.item_encoder(torch.zeros(1, sum(model.facts.parts)))[0]
    brings = _what_each_brings(by, nothing, model.config.view)
    for name, part in brings.items():
        tensors[f"{name}.mean"] = part.mean(dim=0)
        tensors[name] = (part - tensors[f"{name}.mean"]).half()
    return {**tensors, "nothing": nothing}


def _what_each_brings(by: Mapping[str, torch.Tensor], nothing: torch.Tensor, view: str) -> dict[str, torch.Tensor]:
    alone = nothing.expand_as(by["both"])
    picture = by.get("image", by["both"] if view == "image" else alone)
    text = by.get("text", by["both"] if view == "text" else alone)
    seen, said = shapley(alone.numpy(), picture.numpy(), text.numpy(), by["both"].numpy())
    return {"picture": torch.from_numpy(seen), "text": torch.from_numpy(said)}
