"""Does the exported item encoder read items as torch does? Part of every export that has one.

Dimensions: B items, D width of an item vector.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from molar.engine.errors import ModelError
from molar.engine.item_encoder import ItemEncoder, NewItem
from molar.export.item_graph import ItemEncoderGraph

_BATCH = 16
_NEIGHBOURS = 10
# Mean cosine between vectors around their mean: what a precision may cost before something is broken.
_LEAST_COSINE = {"fp32": 0.9999, "fp16": 0.995, "int8": 0.95}


def check_item_parity(
    encoder: ItemEncoder, graph: ItemEncoderGraph, items: Sequence[NewItem], precision: str
) -> dict[str, Any]:
    """Compare the vectors of real items.

    Args:
        encoder: the exported one.
        graph: what was exported, in torch and float32.
        items: real ones.
        precision: of the export.

    Returns:
        What the manifest's `item_encoder["parity"]` holds.

    Raises:
        ModelError: the vectors are further apart than the precision explains.
    """
    expected = torch_vectors(encoder, graph, items)
    found = encoder.embed(items)
    facts: dict[str, Any] = {"items": len(items), "device": encoder.device, **compare_vectors(expected, found)}
    if facts["centred_cosine"] < _LEAST_COSINE[precision]:
        raise ModelError(
            f"parity: the item encoder in {precision} and torch differ on {len(items)} items (mean centred cosine "
            f"{facts['centred_cosine']:.4f}, at least {_LEAST_COSINE[precision]} expected); choose another "
            "--encoder-precision"
        )
    return facts


@torch.inference_mode()
def torch_vectors(encoder: ItemEncoder, graph: ItemEncoderGraph, items: Sequence[NewItem]) -> np.ndarray:
    """Vectors (B, D) that torch gives for what the engine reads."""
    parts = []
    for start in range(0, len(items), _BATCH):
        chosen = items[start : start + _BATCH]
        pictures: list[Image.Image | None] = [item.picture() for item in chosen]
        inputs = encoder.reader([item.text() for item in chosen], pictures)
        parts.append(graph(**{name: torch.from_numpy(values) for name, values in inputs.feed().items()}).numpy())
    return np.concatenate(parts)


def compare_vectors(expected: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """How far two sets of vectors (B, D) of the same items are apart.

    Returns:
        largest_difference: of a number. centred_cosine: mean, around the mean of `expected`: without that, items sit so
        close together that any error looks small. neighbours_kept: mean share of the ten nearest that stay.
    """
    mean = expected.mean(axis=0)
    one, other = _unit(expected - mean), _unit(found - mean)
    k = min(_NEIGHBOURS, len(expected) - 1)
    kept = [len({*a} & {*b}) / k for a, b in zip(_nearest(one, k), _nearest(other, k), strict=True)] if k else [1.0]
    return {
        "largest_difference": float(np.abs(expected - found).max()),
        "centred_cosine": float((one * other).sum(axis=1).mean()) if k else 1.0,
        "neighbours_kept": float(np.mean(kept)),
    }


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _nearest(unit: np.ndarray, k: int) -> np.ndarray:
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -2)
    return np.argsort(-similarity, axis=1)[:, :k]
