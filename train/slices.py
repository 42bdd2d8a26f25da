"""Kinds of people among those who are evaluated: how much is known of them, and how popular what they chose next is.

Dimensions: V users, N items.
"""

import numpy as np

from molar.train.dataset import Dataset
from molar.train.split import Split, histories, targets, training_counts

_HISTORIES = (20, 50, 200)  # events; edges between the slices
RARE_EVENTS = 20  # an item with fewer in training is rare


def user_slices(dataset: Dataset, split: Split) -> dict[str, np.ndarray]:
    """Name -> (V,) bool, in the order of `split.evaluated`.

    By the length of the test history, and by the target: "popular" items are the most chosen ones that hold half of all
    training events, "rare" ones have less than 20.
    """
    lengths = np.array([len(history) for history in histories(dataset, split, "test")])
    slices = {}
    for low, high in zip((0, *_HISTORIES), (*_HISTORIES, None), strict=True):
        name = f"history of more than {low}" if high is None else f"history of {low + 1} to {high}"
        slices[name] = (lengths > low) & ((lengths <= high) if high is not None else True)
    counts = training_counts(dataset, split)
    by_count = np.argsort(-counts, kind="stable")
    before = counts[by_count].cumsum() - counts[by_count]
    popular = np.zeros(len(counts), dtype=bool)
    popular[by_count[before < counts.sum() / 2]] = True
    target = targets(dataset, split, "test")
    slices["popular target"] = popular[target]
    slices["rare target"] = counts[target] < RARE_EVENTS
    slices["other target"] = ~popular[target] & (counts[target] >= RARE_EVENTS)
    slices["target that nobody chose"] = counts[target] == 0
    return slices
