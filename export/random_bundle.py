"""A bundle of random vectors, of any size: what the engine's speed is measured on.

Dimensions: N items, W width of a row of an item table.
"""

import datetime
import importlib.metadata
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import torch

from molar.engine import bundle as bundles
from molar.engine.catalog_item import CatalogItem, create_catalog
from molar.engine.int8_rows import part_of
from molar.export.graphs import export_users
from molar.export.item_files import write_item_tables
from molar.export.ranking import write_graphs
from molar.train.config import TrainConfig
from molar.train.model import DataFacts, Molar
from molar.train.model_files import write_tensors

_FACTORS = 32  # that tell items apart: vectors of trained models are far from using all their numbers alike
_AT_ONCE = 65_536


@cache
def random_model(width: int, max_history: int) -> tuple[Molar, dict[str, onnx.ModelProto]]:
    """Molar as it is trained by default, with weights nobody trained, and its user encoder as ONNX, by device.

    Args:
        width: W, of both sides together.
        max_history: longest history, in events.
    """
    torch.manual_seed(0)
    config = TrainConfig(dim=width // 2, max_history=max_history)
    model = Molar(config, DataFacts(1, [1], "", "", "")).eval()
    return model, export_users(model)


def random_table(items: int, width: int, seed: int = 0) -> np.ndarray:
    """(N, W) float32: a few factors that count more or less, and noise."""
    rng = np.random.default_rng(seed)
    weights = (0.9 ** np.arange(_FACTORS, dtype=np.float32))[:, None]
    mixing = weights * rng.standard_normal((_FACTORS, width), dtype=np.float32) / _FACTORS**0.5
    table = np.empty((items, width), np.float32)
    for begin in range(0, items, _AT_ONCE):
        rows = table[begin : begin + _AT_ONCE]
        np.matmul(rng.standard_normal((len(rows), _FACTORS), dtype=np.float32), mixing, out=rows)
        rows += 0.1 * rng.standard_normal(rows.shape, dtype=np.float32)
    return table


def random_bundle(folder: Path, items: int, width: int, max_history: int, precisions: tuple[str, ...]) -> Molar:
    """Write one, with one mode; the model whose user encoder it holds.

    Args:
        folder: new.
        items: N.
        width: W.
        max_history: longest history, in events.
        precisions: of `bundle.PRECISIONS`, "fp32" among them.
    """
    folder.mkdir(parents=True)
    model, users = random_model(width, max_history)
    table = torch.from_numpy(random_table(items, width))
    part = part_of(width) if "int8" in precisions else 0
    write_item_tables(folder, {"aligned": table}, part)
    write_tensors(folder / bundles.PARTS, {"aligned.mean": table.mean(dim=0)})
    create_catalog(folder / bundles.CATALOG, (CatalogItem(row, f"sku-{row}", f"Item {row}") for row in range(items)))
    write_graphs(users, folder, precisions, width, bundles.padded_rows(items), part)
    manifest = bundles.Manifest(
        name=f"{items} random items",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        molar_version=importlib.metadata.version("molar"),
        items=items,
        dim=width,
        precisions={precision: {} for precision in precisions},
        int8_part=part,
        content_dim=0,
        max_history=max_history,
        modes=["aligned"],
        training=asdict(model.config),
        evaluation=[],
        parity={},
    )
    manifest = bundles.with_files(manifest, folder)
    (folder / bundles.MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return model
