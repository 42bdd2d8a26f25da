"""Events a second in training, beside a plain padded SASRec, and the share of what the machine can multiply.

Dimensions: B histories, L events, N items, D width.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain, count, cycle, islice
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from molar.train.batches import TrainingBatches
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset
from molar.train.device import fast_bfloat16
from molar.train.model import DataFacts, Molar
from molar.train.objective import batch_losses
from molar.train.split import leave_one_out

_WARM_UP = 2  # steps that are not timed
_MATRIX = 2048  # rows and columns


def benchmark_events(dataset: Dataset, config: TrainConfig, steps: int, device: torch.device) -> dict[str, Any]:
    """Training steps of SASRec alone, ours and plain ones, on the same histories; all with forward and backward.

    "plain" is as SASRec is commonly written (RecBole, pmixer's SASRec.pytorch): each person's last L events padded to
    L, a mask for attention, torch's own dropout, float32, and either the full softmax on materialised logits, or, as
    their authors train it, binary cross-entropy with one negative, which has far less to compute.

    Args:
        dataset: whose training events are read.
        config: of the model.
        steps: timed steps.
        device: where.

    Returns:
        A row each: events (padding does not count) a second, and `share_of_matrix_rate`, what the multiplications of
        transformer and softmax, padding not counted, are of the machine's measured rate (bfloat16 where it is fast).
    """
    split = leave_one_out(dataset)
    config = replace(config, content=False, ids=True, id_model="sasrec", loss="cross_entropy")
    torch.manual_seed(0)
    model = Molar(config, DataFacts(len(dataset.items), [], "", "", "")).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    draws = torch.Generator().manual_seed(0)
    low = config.bfloat16 and fast_bfloat16(device)
    epochs = (TrainingBatches(dataset, split, config.max_history, config.batch_events, 0, epoch) for epoch in count())
    batches = list(islice(chain.from_iterable(epochs), _WARM_UP + steps))

    def our_steps() -> Iterable[tuple[int, torch.Tensor]]:
        for batch in batches:
            with torch.autocast(device.type, torch.bfloat16, enabled=low):
                yield int(batch.lengths.sum()), batch_losses(model, None, batch, draws)["loss"]

    ours = _events_per_second(our_steps(), optimizer, steps)
    length = float(np.mean([batch.history.shape[1] for batch in batches]))
    rate = _matrix_rate(device, torch.bfloat16 if low else torch.float32)
    flops = _flops_per_event(config, len(dataset.items), length)
    rows = [{"what": "ours", "loss": "cross_entropy", "events_per_second": round(ours)}]
    rows[0]["share_of_matrix_rate"] = round(ours * flops / rate, 4)
    for loss in ("cross_entropy", "bce"):
        plain = PlainSASRec(len(dataset.items), config).to(device).train()
        adam = torch.optim.Adam(plain.parameters(), lr=1e-3)
        found = _events_per_second(_plain_steps(plain, dataset, split.train_length, config, loss, device), adam, steps)
        rows.append({"what": "plain", "loss": loss, "events_per_second": round(found), "ratio": round(ours / found, 2)})
    return {"gigaflops": round(rate / 1e9), "flops_per_event": round(flops), "rows": rows}


class PlainSASRec(nn.Module):
    """SASRec as it is commonly written; item 0 is padding.

    Args:
        items: N.
        config: dim, layers, heads, dropout and max_history are read.
    """

    def __init__(self, items: int, config: TrainConfig) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, config.dim, padding_idx=0)
        self.positions = nn.Embedding(config.max_history, config.dim)
        self.dropout = nn.Dropout(config.dropout)
        layer = nn.TransformerEncoderLayer(
            config.dim, config.heads, 4 * config.dim, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(
            layer, config.layers, nn.LayerNorm(config.dim), enable_nested_tensor=False
        )

    def forward(self, history: torch.Tensor) -> torch.Tensor:
        """(B, L) rows from 1, padded on the right -> (B, L, D)."""
        length = history.shape[1]
        x = self.dropout(self.items(history) + self.positions.weight[:length])
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=history.device)
        vectors: torch.Tensor = self.transformer(x, mask=mask, is_causal=True)
        return vectors


def _plain_steps(
    model: PlainSASRec, dataset: Dataset, train_length: np.ndarray, config: TrainConfig, loss: str, device: torch.device
) -> Iterable[tuple[int, torch.Tensor]]:
    length = config.max_history
    users = np.random.default_rng(0).permutation(np.flatnonzero(train_length > 1))
    size = max(1, config.batch_events // length)
    for start in cycle(range(0, len(users), size)):
        window = np.zeros((len(users[start : start + size]), length + 1), dtype=np.int64)
        for line, user in zip(window, users[start : start + size], strict=True):
            begin = dataset.offsets[user]
            events = dataset.rows[begin : begin + train_length[user]][-length - 1 :]
            line[: len(events)] = events + 1
        rows = torch.from_numpy(window).to(device)
        history, target = rows[:, :-1], rows[:, 1:]
        vectors, there = model(history), target > 0
        if loss == "cross_entropy":
            logits = vectors @ model.items.weight.T
            yield int(there.sum()), F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=0)
        else:
            negative = torch.randint(1, len(model.items.weight), target.shape, device=device)
            own = (vectors * model.items(target)).sum(-1)[there]
            other = (vectors * model.items(negative)).sum(-1)[there]
            ones, zeros = torch.ones_like(own), torch.zeros_like(other)
            binary = F.binary_cross_entropy_with_logits
            yield int(there.sum()), binary(own, ones) + binary(other, zeros)


def _events_per_second(
    batches: Iterable[tuple[int, torch.Tensor]], optimizer: torch.optim.Optimizer, steps: int
) -> float:
    events, started = 0, time.perf_counter()
    for step, (seen, loss) in enumerate(islice(batches, _WARM_UP + steps)):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()  # waits for a GPU
        if step < _WARM_UP:
            events, started = 0, time.perf_counter()
        else:
            events += seen
    return events / (time.perf_counter() - started)


def _flops_per_event(config: TrainConfig, items: int, length: float) -> float:
    """Multiplications and additions of a training step, forward and twice as many backward."""
    weights = config.layers * 12 * config.dim**2 + items * config.dim
    attention = config.layers * 2 * config.dim * length / 2  # half of the keys are visible, in the mean
    return 6 * (weights + attention)


def _matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a square matrix product."""
    one, other = (torch.randn(_MATRIX, _MATRIX, device=device).to(dtype) for _ in range(2))

    def multiply() -> float:
        started = time.perf_counter()
        (one @ other).sum().item()
        return time.perf_counter() - started

    multiply()
    return 2 * _MATRIX**3 / _median(multiply)


def _median(measure: Callable[[], float]) -> float:
    return sorted(measure() for _ in range(5))[2]
