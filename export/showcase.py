"""What the demo shows beside the items: a map of them, ready-made visitors, and how good each way of ranking is.

Dimensions: N items, M items on the map, W width of a row of an item table.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from molar.engine.catalog import Catalog
from molar.engine.errors import DatasetError, ModelError
from molar.train.comparison import bootstrap, per_user
from molar.train.dataset import Dataset
from molar.train.evaluate import column_name

VISITORS = "visitors.csv"
MOST_PLACES = 5_000

_VISITORS, _PICKS = 3, 4
_PERPLEXITY = 30


def item_places(table: np.ndarray, popularity: np.ndarray) -> dict[int, tuple[float, float]]:
    """Where the most popular items stand on a map on which near means alike: t-SNE (van der Maaten and Hinton, 2008).

    Args:
        table: (N, W) item table of the mode that ranks by default.
        popularity: (up to N) events of each item.

    Returns:
        M rows -> (x, y), each 0 to 1; nothing for fewer than four items.
    """
    from sklearn.manifold import TSNE  # it takes a second, which what exports nothing need not wait for

    counts = np.pad(popularity, (0, len(table) - len(popularity)))
    rows = np.sort(np.argsort(-counts, kind="stable")[:MOST_PLACES])
    if len(rows) < 4:
        return {}
    chosen = table[rows] - table[rows].mean(axis=0)
    chosen /= np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)
    places = TSNE(perplexity=min(_PERPLEXITY, (len(rows) - 1) / 3), init="pca", random_state=0).fit_transform(chosen)
    low, high = places.min(axis=0), places.max(axis=0)
    places = (places - low) / np.maximum(high - low, 1e-12)
    return {int(row): (round(float(x), 5), round(float(y), 5)) for row, (x, y) in zip(rows, places, strict=True)}


def visitors(dataset: Dataset, catalog: Path) -> dict[str, list[int]]:
    """Ready-made browsing histories: those of the dataset's visitors.csv, else of the commonest values of its filter.

    visitors.csv has the columns `visitor`, a name that people see, and `item_id`, a line for each item in order.

    Args:
        dataset: the dataset.
        catalog: catalog.db of its items.

    Returns:
        Name -> rows, oldest first.

    Raises:
        DatasetError: visitors.csv lacks a column, or names an item that there is not.
    """
    path = dataset.folder / VISITORS
    if path.exists():
        return _written(path, dataset)
    known = Catalog(catalog)
    for name, values in known.facets.items():
        return {f"Likes {value}": known.search(where={name: value}, limit=_PICKS) for value in values[:_VISITORS]}
    return {}


def evaluation_rows(run_folder: Path) -> list[dict[str, Any]]:
    """A run's test table with seen items removed; Recall@10 and NDCG@10 with 95% intervals (bootstrap over people).

    Raises:
        ModelError: the run's evaluation is damaged.
    """
    path = run_folder / "evaluation.json"
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text())["rows"]
        kept = [row for row in rows if row["seen_removed"] and row["regime"] != "cold"]
        ranks = pl.read_parquet(run_folder / "ranks.parquet")
        for row in kept:
            of_people = per_user(ranks[f"{column_name(row['model'])}_removed"].to_numpy(), 10)
            for metric, values in of_people.items():
                around = bootstrap(values)
                row |= {f"{metric}_low": around["low"], f"{metric}_high": around["high"]}
    except (ValueError, KeyError, TypeError, OSError, pl.exceptions.PolarsError) as error:
        raise ModelError(f"{path}: damaged ({error}); run `molar evaluate` again") from None
    return kept


def _written(path: Path, dataset: Dataset) -> dict[str, list[int]]:
    try:
        table = pl.read_csv(path, columns=["visitor", "item_id"], schema_overrides={"item_id": pl.String})
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{path}: {error}; it needs the columns visitor and item_id") from None
    row_of = {item_id: row for row, item_id in enumerate(dataset.items["item_id"])}
    found: dict[str, list[int]] = {}
    for visitor, item_id in table.select("visitor", "item_id").iter_rows():
        if item_id not in row_of:
            raise DatasetError(f"{path}: {visitor!r} looked at {item_id!r}, which is no item of the dataset")
        found.setdefault(visitor, []).append(row_of[item_id])
    return found
