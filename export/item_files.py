"""The item tables of a bundle, as files.

Dimensions: N items, P rows of a table (N up to a multiple of `bundle.BLOCK`), W width of a row.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch.nn import functional as F

from molar.engine import bundle as bundles
from molar.engine.int8_rows import FIELDS, Int8Rows
from molar.train.model_files import write_tensors


def write_item_tables(folder: Path, tables: Mapping[str, torch.Tensor], part: int) -> None:
    """Write items.safetensors, and items-int8.safetensors if asked for.

    Args:
        folder: of the bundle.
        tables: mode -> (N, W) float32; rows of zeros are put behind them.
        part: numbers of a row that share a scale in 8 bits; 0 for no 8-bit tables.
    """
    padded = {mode: _padded(table.detach()) for mode, table in tables.items()}
    write_tensors(folder / bundles.TABLES, padded)
    if part:
        rounded = {mode: Int8Rows.of(table.numpy(), part) for mode, table in padded.items()}
        tensors = {f"{mode}.{name}": getattr(rows, name) for mode, rows in rounded.items() for name in FIELDS}
        write_tensors(folder / bundles.INT8_TABLES, {name: torch.from_numpy(of) for name, of in tensors.items()})


def _padded(table: torch.Tensor) -> torch.Tensor:
    """(N, W) -> (P, W)."""
    return F.pad(table, (0, 0, 0, bundles.padded_rows(len(table)) - len(table)))
