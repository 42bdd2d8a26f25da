"""The dataset folder in memory: items in file order, and every user's events in order of time.

An item's position in the items table is its `row`; everything inside Molar speaks of rows, everything outside of item
ids.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from molar.engine.errors import DatasetError
from molar.train.dataset_check import interaction_errors, item_errors, missing_columns
from molar.train.tables import INTERACTION_COLUMNS, ITEM_COLUMNS, cast_interactions, cast_items, read_table

_NOT_ATTRIBUTES = ("item_id", "title", "description", "image")


@dataclass(frozen=True)
class Dataset:
    """A catalogue and its histories.

    Attributes:
        folder: where it was read from.
        items: one row an item, all columns text: item_id, title, description, image, then the attributes.
        user_ids: (U,) ids in the order of `offsets`.
        offsets: (U + 1,) int64; user u's events are `rows[offsets[u]:offsets[u + 1]]`.
        rows: (E,) int32 item rows, by user and, within a user, by time; equal times keep the file's order.
    """

    folder: Path
    items: pl.DataFrame
    user_ids: list[str]
    offsets: np.ndarray
    rows: np.ndarray

    @property
    def attributes(self) -> list[str]:
        """Names of the columns that are attributes."""
        return [column for column in self.items.columns if column not in _NOT_ATTRIBUTES]


def load_dataset(folder: Path | str) -> Dataset:
    """Read and validate a dataset folder.

    Raises:
        DatasetError: naming the first thing that is wrong and how many more there are.
    """
    folder = Path(folder)
    raw_items, items_name = read_table(folder, "items")
    raw_interactions, interactions_name = read_table(folder, "interactions")
    _raise_first([missing_columns(raw_items, items_name, ITEM_COLUMNS)], folder)
    _raise_first([missing_columns(raw_interactions, interactions_name, INTERACTION_COLUMNS)], folder)
    items = cast_items(raw_items)
    interactions = cast_interactions(raw_interactions)
    _raise_first(list(item_errors(items, items_name)), folder)
    _raise_first(list(interaction_errors(interactions, interactions_name, items["item_id"], items_name)), folder)

    row_of = pl.DataFrame({"item_id": items["item_id"], "row": np.arange(len(items), dtype=np.int32)})
    events = (
        interactions.with_row_index("position")
        .join(row_of, on="item_id", how="left")
        .with_columns(first=pl.col("position").min().over("user_id"))
        .sort("first", "timestamp", "position")
    )
    counts = events.group_by("user_id", maintain_order=True).len()
    offsets = np.concatenate([[0], counts["len"].to_numpy().astype(np.int64).cumsum()])
    return Dataset(folder, items, counts["user_id"].to_list(), offsets, events["row"].to_numpy().astype(np.int32))


def dataset_fingerprint(dataset: Dataset) -> str:
    """SHA-256 of item ids and histories: two datasets with the same one train the same ID model."""
    digest = hashlib.sha256("\0".join(dataset.items["item_id"]).encode())
    digest.update(dataset.offsets.astype("<i8").tobytes())
    digest.update(dataset.rows.astype("<i4").tobytes())
    return digest.hexdigest()


def _raise_first(errors: list[str | None], folder: Path) -> None:
    found = [error for error in errors if error]
    if found:
        more = f" (and {len(found) - 1} more: `molar data check {folder}` lists them)" if len(found) > 1 else ""
        raise DatasetError(found[0] + more)
