"""Which of a dataset's events a run sees."""

from dataclasses import replace

import numpy as np

from molar.train.cold_start import withheld_items, without_events
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset
from molar.train.finetune_config import FinetuneConfig


def seen_by_run(dataset: Dataset, config: TrainConfig | FinetuneConfig) -> Dataset:
    """The dataset without what a run, or an encoder, is not to see: withheld items' events, all but the last events."""
    dataset = without_events(dataset, withheld_items(dataset, config.withheld))
    return only_last_events(dataset, config.last_events) if config.last_events else dataset


def regime_name(config: TrainConfig) -> str:
    """ "full", or "sparse" where histories are cut."""
    return "sparse" if config.last_events else "full"


def only_last_events(dataset: Dataset, count: int) -> Dataset:
    """The dataset with the last `count` events of each user, the two that validate and test among them."""
    lengths = np.diff(dataset.offsets)
    after = np.repeat(dataset.offsets[1:], lengths) - np.arange(len(dataset.rows))  # 1 for a user's last event
    offsets = np.concatenate([[0], np.minimum(lengths, count).cumsum()])
    return replace(dataset, offsets=offsets, rows=dataset.rows[after <= count])
