"""Training batches: each user's training events cut into windows, windows of alike length put together.

Because a batch holds windows of nearly one length, padding is a few percent, and because it is on the right, causal
attention needs no mask: no real event can see it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from molar.train.dataset import Dataset
from molar.train.split import Split


@dataclass(frozen=True)
class Batch:
    """B windows of at most L events.

    Attributes:
        history: (B, L) int64 item rows, oldest first; 0 where padded.
        target: (B, L) int64 rows of the items that came next; 0 where padded.
        lengths: (B,) int64 events in each window.
        users: (B,) int64.
    """

    history: torch.Tensor
    target: torch.Tensor
    lengths: torch.Tensor
    users: torch.Tensor

    def valid(self) -> torch.Tensor:
        """(B, L) bool, True where there is an event."""
        return torch.arange(self.history.shape[1], device=self.lengths.device)[None] < self.lengths[:, None]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(*(part.to(device) for part in (self.history, self.target, self.lengths, self.users)))


def epoch_windows(
    dataset: Dataset, split: Split, max_history: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut training histories so that every event but a user's first is a target once.

    A history longer than `max_history` is cut at places that differ from epoch to epoch.

    Returns:
        starts: (W,) index of each window's first event in `dataset.rows`.
        lengths: (W,) targets in each window; it spans one event more.
        users: (W,) index of the user.
    """
    targets = split.train_length - 1
    users = np.flatnonzero(targets > 0)
    first_cut = np.where(targets > max_history, rng.integers(1, max_history + 1, len(targets)), targets)
    windows = 1 + -(-(targets - first_cut) // max_history)
    user = np.repeat(users, windows[users])
    index = np.arange(len(user)) - np.repeat(windows[users].cumsum() - windows[users], windows[users])
    begin = np.where(index == 0, 0, first_cut[user] + (index - 1) * max_history)
    end = np.minimum(first_cut[user] + index * max_history, targets[user])
    return dataset.offsets[user] + begin, end - begin, user


class TrainingBatches:
    """All batches of one epoch, the same for the same seed and epoch; one is made when it is asked for.

    Args:
        dataset: whose events.
        split: which of them train.
        max_history: most events of a window.
        batch_events: most events of a batch, padding included.
        seed: of the run.
        epoch: from 0.
    """

    def __init__(
        self, dataset: Dataset, split: Split, max_history: int, batch_events: int, seed: int, epoch: int
    ) -> None:
        rng = np.random.default_rng([seed, epoch])
        self._dataset = dataset
        self._windows = epoch_windows(dataset, split, max_history, rng)
        lengths = self._windows[1]
        # Sorting by length with a little noise mixes the neighbours anew each epoch.
        order = np.argsort(lengths * rng.uniform(0.95, 1.05, len(lengths)), kind="stable")
        batches = list(_full_batches(order, lengths, batch_events))
        self._batches = [batches[i] for i in rng.permutation(len(batches))]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        for chosen in self._batches:
            yield _batch(self._dataset, *(part[chosen] for part in self._windows))


def _full_batches(order: np.ndarray, lengths: np.ndarray, batch_events: int) -> Iterator[np.ndarray]:
    begin, longest = 0, 0
    for end, window in enumerate(order):
        longest_now = max(longest, int(lengths[window]))
        if end > begin and longest_now * (end - begin + 1) > batch_events:
            yield order[begin:end]
            begin, longest_now = end, int(lengths[window])
        longest = longest_now
    yield order[begin:]


def _batch(dataset: Dataset, starts: np.ndarray, lengths: np.ndarray, users: np.ndarray) -> Batch:
    steps = np.arange(lengths.max())
    valid = steps[None] < lengths[:, None]
    index = np.where(valid, starts[:, None] + steps[None], 0)
    history = np.where(valid, dataset.rows[index], 0)
    target = np.where(valid, dataset.rows[np.where(valid, index + 1, 0)], 0)
    return Batch(*(torch.from_numpy(part.astype(np.int64)) for part in (history, target, lengths, users)))
