"""The leave-one-out split: a user's last event is the test target, the one before it the validation target."""

from dataclasses import dataclass

import numpy as np

from molar.train.dataset import Dataset


@dataclass(frozen=True)
class Split:
    """Which events train, validate and test.

    Attributes:
        train_length: (U,) int64, how many of each user's first events train.
        evaluated: (V,) int64, users with at least 3 events; the others train with all they have.
    """

    train_length: np.ndarray
    evaluated: np.ndarray


def leave_one_out(dataset: Dataset) -> Split:
    """Split a dataset as the SASRec, BERT4Rec and gSASRec papers do."""
    lengths = np.diff(dataset.offsets)
    enough = lengths >= 3
    return Split(np.where(enough, lengths - 2, lengths), np.flatnonzero(enough))


def targets(dataset: Dataset, split: Split, part: str) -> np.ndarray:
    """(V,) the target row of each evaluated user; `part` is "validation" or "test"."""
    return dataset.rows[dataset.offsets[split.evaluated] + split.train_length[split.evaluated] + (part == "test")]


def histories(dataset: Dataset, split: Split, part: str) -> list[np.ndarray]:
    """Each evaluated user's events before the target, oldest first; the test history holds the validation event."""
    starts = dataset.offsets[split.evaluated]
    ends = starts + split.train_length[split.evaluated] + (part == "test")
    return [dataset.rows[start:end] for start, end in zip(starts, ends, strict=True)]


def training_counts(dataset: Dataset, split: Split) -> np.ndarray:
    """(N,) training events of each item."""
    return np.bincount(dataset.rows[training_events(dataset, split)[0]], minlength=len(dataset.items))


def training_events(dataset: Dataset, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Events that train: their places in `dataset.rows`, ascending, and how many the user had before each."""
    lengths = np.diff(dataset.offsets)
    before = np.arange(len(dataset.rows)) - np.repeat(dataset.offsets[:-1], lengths)
    places = np.flatnonzero(before < np.repeat(split.train_length, lengths))
    return places, before[places]
