"""The part of a bundle that reads new items: item_encoder.onnx, tokenizer.json, and what the manifest says of them."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molar.engine import bundle as bundles
from molar.engine.errors import ModelError
from molar.engine.item_encoder import ItemEncoder, NewItem
from molar.export.config import ExportConfig
from molar.export.item_graph import ItemEncoderGraph, export_item_encoder
from molar.export.item_parity import check_item_parity
from molar.export.precision import convert
from molar.train.backbones.reading import PictureTextBackbone
from molar.train.dataset import Dataset
from molar.train.encoders import Encoder, load_encoder
from molar.train.model import Molar
from molar.train.tables import picture_path

_SMALL = 50_000_000  # parameters; larger language models do not survive int8


def pack_item_encoder(
    model: Molar, dataset: Dataset, folder: Path, config: ExportConfig, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """Write the item encoder of a run into a bundle.

    Returns:
        What the manifest's `item_encoder` holds; None, and nothing written, for a backbone that has no such export.

    Raises:
        ModelError: the encoder is not there any more, or has changed since the training; ONNX Runtime and torch differ.
    """
    backbone = run_backbone(model)
    if backbone is None or model.item_encoder is None:
        say(f"the item encoder {model.config.encoder} has no export yet: the bundle will not read new items")
        return None
    precision = config.encoder_precision
    if precision == "auto":
        size = sum(parameter.numel() for parameter in backbone.parameters())
        precision = "int8" if size < _SMALL else "fp16"
    path = folder / bundles.ITEM_ENCODER
    export_item_encoder(backbone, model.item_encoder, path)
    convert(path, precision, path)
    backbone.tokenizer.save(str(folder / bundles.TOKENIZER))
    preprocessing = asdict(backbone.reader.preprocessing)
    say(f"parity on {min(config.parity_items, len(dataset.items))} items")
    exported = ItemEncoder(path, folder / bundles.TOKENIZER, preprocessing, "auto")
    items = real_items(dataset, config.parity_items)
    parity = check_item_parity(exported, ItemEncoderGraph(backbone, model.item_encoder).eval(), items, precision)
    return {
        "backbone": backbone.name,
        "precision": precision,
        "preprocessing": preprocessing,
        "attributes": dataset.attributes,
        "parity": parity,
    }


def run_backbone(model: Molar) -> PictureTextBackbone | None:
    """The backbone that a run was trained with, on the CPU; None where there is none, or none that can be exported.

    Raises:
        ModelError: the encoder is not there any more, or has changed since the training.
    """
    if model.item_encoder is None:
        return None
    backbone = run_encoder(model, torch.device("cpu")).backbone
    return backbone if isinstance(backbone, PictureTextBackbone) else None


def run_encoder(model: Molar, device: torch.device) -> Encoder:
    """The encoder that a run with content was trained with.

    Raises:
        ModelError: it is not there any more, or has changed since the training.
    """
    encoder = load_encoder(model.config.encoder, model.config.text_tokens, device)
    if encoder.version != model.facts.encoder_version:
        raise ModelError(f"{model.config.encoder}: not the item encoder that the run was trained with; train again")
    return encoder


def real_items(dataset: Dataset, count: int) -> list[NewItem]:
    """Items of a dataset as new ones, drawn at random but always the same."""
    rows = np.random.default_rng(0).permutation(len(dataset.items))[:count]
    return [new_item(dataset, item) for item in dataset.items[rows.tolist()].to_dicts()]


def new_item(dataset: Dataset, item: dict[str, str]) -> NewItem:
    """A row of `dataset.items` as the engine takes it."""
    return NewItem(
        item["title"],
        item["description"],
        {name: item[name] for name in dataset.attributes},
        picture_path(dataset.folder, item["image"]) if item["image"] else None,
    )
