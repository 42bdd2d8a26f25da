"""End to end: the item encoder trained with the loss of the recommender, items of the batch as each other's negatives.

As in HLLM (arXiv 2409.12740): each item of a few histories is read once, with gradients, and a user encoder over the
vectors predicts what comes next.

Dimensions: W windows, L events, U different items in them, D width of the language model's state.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from molar.train.dataset import Dataset
from molar.train.finetune_config import FinetuneConfig
from molar.train.item_tasks import ItemTexts, View, item_view
from molar.train.split import Split, training_counts
from molar.train.user_encoder import UserEncoder

_EVENTS = 16  # L
_DIM = 128
_SCALE = 20.0  # cosines become logits


@dataclass(frozen=True)
class SequenceBatch:
    """A few windows of training histories.

    Attributes:
        items: picture and text of each different item.
        rows: (U,) of these items in the dataset.
        history: (W, L) int64, places in `items`, oldest first.
        target: (W, L) int64, places of the items that came next.
        valid: (W, L) bool, False where a window is shorter.
        log_share: (U,) float32, log of each item's share of all training events.
    """

    items: View
    rows: np.ndarray
    history: np.ndarray
    target: np.ndarray
    valid: np.ndarray
    log_share: np.ndarray

    @property
    def name(self) -> str:
        """As a task's."""
        return "sequences"

    @property
    def views(self) -> tuple[View, ...]:
        """What the backbone reads."""
        return (self.items,)


def sequence_batches(dataset: Dataset, split: Split, texts: ItemTexts, config: FinetuneConfig) -> list[SequenceBatch]:
    """Batches whose items are about as many as another task reads in a batch; the same for the same seed."""
    rng = np.random.default_rng([config.seed, 1])
    targets = np.maximum(split.train_length - 1, 0)
    steps = -(-round(config.sequences * config.examples) // config.batch_size)
    if not targets.sum() or not steps:
        return []
    counts = training_counts(dataset, split)
    log_share = np.log(np.maximum(counts, 1) / counts.sum()).astype(np.float32)
    windows = max(1, 2 * config.batch_size // _EVENTS)
    batches = []
    for _ in range(steps):
        users = rng.choice(len(targets), windows, p=targets / targets.sum())
        lengths = np.minimum(targets[users], _EVENTS)
        starts = dataset.offsets[users] + rng.integers(0, targets[users] - lengths + 1)
        order = np.arange(lengths.max())
        valid = order[None] < lengths[:, None]
        index = np.where(valid, starts[:, None] + order[None], starts[:, None])
        following = np.where(valid, index + 1, index)
        rows, places = np.unique(dataset.rows[np.stack([index, following])], return_inverse=True)
        history, target = places.reshape(2, *index.shape)
        batches.append(SequenceBatch(item_view(dataset, texts, rows), rows, history, target, valid, log_share[rows]))
    return batches


class SequenceHead(nn.Module):
    """What the end-to-end loss needs beside the backbone.

    Args:
        state: D.
    """

    def __init__(self, state: int) -> None:
        super().__init__()
        self.item = nn.Linear(state, _DIM)
        self.user_encoder = UserEncoder(_DIM, layers=2, heads=2, dropout=0.1)

    def forward(self, states: torch.Tensor, batch: SequenceBatch) -> torch.Tensor:
        """Mean cross-entropy of the next item among the batch's, from (U, D) states.

        An item stands in a batch the more often the more popular it is, so the log of its share is taken off its score
        ("logQ", Yi et al., RecSys 2019).
        """
        device = states.device
        vectors = self.item(states)
        history, target, valid = (
            torch.from_numpy(part).to(device) for part in (batch.history, batch.target, batch.valid)
        )
        users = self.user_encoder(F.embedding(history, vectors))[valid]
        logits = _SCALE * F.normalize(users.float(), dim=-1) @ F.normalize(vectors.float(), dim=-1).T
        log_share = torch.from_numpy(batch.log_share).to(device)
        return F.cross_entropy(logits - log_share, target[valid])
