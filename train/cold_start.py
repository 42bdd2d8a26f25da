"""Cold start: some items' interactions are kept from all training, and then people are asked to find them.

Dimensions: N items, W withheld ones, V users.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from molar.train.dataset import Dataset
from molar.train.metrics import ranking_metrics
from molar.train.model import ItemVectors, Molar
from molar.train.ranking import mode_queries, rank_targets
from molar.train.split import leave_one_out

_SEED = 20_241_218  # the same items for every model, whatever its own seed


def withheld_items(dataset: Dataset, share: float) -> np.ndarray:
    """(W,) rows of the withheld items, sorted; drawn at random, the same each time."""
    count = round(share * len(dataset.items))
    return np.sort(np.random.default_rng(_SEED).permutation(len(dataset.items))[:count])


def without_events(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """The dataset without all interactions with some items; the items themselves stay."""
    if not len(rows):
        return dataset
    kept = ~np.isin(dataset.rows, rows)
    before = np.concatenate([[0], kept.cumsum()])
    return replace(dataset, offsets=before[dataset.offsets], rows=dataset.rows[kept])


def cold_events(dataset: Dataset, rows: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Events with a withheld item among each user's last two, which no training ever sees.

    Returns:
        histories: what the user chose before, withheld items left out; none is empty.
        targets: rows of the withheld items.
    """
    histories, targets = [], []
    split = leave_one_out(dataset)
    for user in split.evaluated:
        start, end = dataset.offsets[user], dataset.offsets[user + 1]
        for place in (end - 2, end - 1):
            if dataset.rows[place] in rows:
                history = dataset.rows[start:place]
                history = history[~np.isin(history, rows)]
                if len(history):
                    histories.append(history)
                    targets.append(dataset.rows[place])
    return histories, np.array(targets, dtype=np.int64)


def cold_rows(model: Molar, vectors: ItemVectors, dataset: Dataset, names: dict[str, str]) -> list[dict[str, Any]]:
    """How well each mode finds a withheld item among all withheld ones, and how well chance does.

    Args:
        model: trained without the interactions of the withheld items.
        vectors: of all N items.
        dataset: with all interactions.
        names: of the modes.
    """
    rows = withheld_items(dataset, model.config.withheld)
    histories, targets = cold_events(dataset, rows)
    if not len(targets):
        return []
    facts = {"regime": "cold", "seen_removed": True, "seed": model.config.seed, "events": len(targets)}
    facts["candidates"] = len(rows)
    chance = {f"recall@{k}": round(min(1.0, k / len(rows)), 6) for k in (5, 10, 20, 50)}
    found: list[dict[str, Any]] = [{"model": "chance", **facts, **chance}]
    queries, tables = mode_queries(model, vectors, histories), vectors.tables()
    nothing = [np.empty(0, dtype=np.int64)] * len(targets)  # no withheld item is in a history
    for mode in reversed(model.modes):
        ranks = rank_targets(queries[mode], tables[mode][rows], nothing, np.searchsorted(rows, targets)).removed
        metrics = {name: round(value, 6) for name, value in ranking_metrics(ranks).items()}
        found.append({"model": names[mode], **facts, **metrics})
    return found
