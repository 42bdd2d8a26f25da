"""What a training step takes on catalogues of growing size: of one that looks at all items, and of its batch alone.

Dimensions: B windows, L events, N items.
"""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

import torch

from molar.engine.errors import RequestError
from molar.train.batches import Batch
from molar.train.config import TrainConfig
from molar.train.device import choose_device, fast_bfloat16, keep_freed_memory, machine, training_attention
from molar.train.item_encoder import ScaledFeatures
from molar.train.model import DataFacts, Molar
from molar.train.objective import batch_losses
from molar.train.optimization import Optimizers
from molar.train.process_memory import process_megabytes, require_linux

_LENGTH = 50  # events in a history
_WARM_UP = 2  # steps that are not timed
_DRAWN = 65_536  # items whose features are drawn; the others have the same once more
_ITEM_TABLES = ("whole", "rows", "host")


def benchmark_catalogue(
    sizes: Iterable[int], features: int, steps: int, whole_up_to: int, device_name: str = "auto"
) -> dict[str, Any]:
    """Steps of Molar (presets' width, sampled softmax) on random histories, in a process for each row.

    Args:
        sizes: N, one after the other.
        features: numbers that are known of each item.
        steps: timed steps.
        whole_up_to: a larger catalogue is not tried as a whole.
        device_name: "auto", "cpu" or "cuda"; without a GPU all tables are in host memory.

    Returns:
        A row each: items, item_tables, rows that a step reads, milliseconds a step (median), events a second, `ratio`
        to the same catalogue as a whole, resident memory of the process and memory of the GPU, both at most.

    Raises:
        RequestError: this is no Linux, or memory does not suffice.
    """
    require_linux()
    device = choose_device(device_name)
    rows: list[dict[str, Any]] = []
    for items in sizes:
        for item_tables in _ITEM_TABLES:
            too_large = item_tables == "whole" and items > whole_up_to
            if too_large or (item_tables == "host" and device.type == "cpu"):
                continue
            try:
                with ProcessPoolExecutor(1, get_context("spawn")) as process:
                    row = process.submit(_measure, items, item_tables, features, steps, device).result()
            except RuntimeError as error:
                if not (isinstance(error, BrokenProcessPool) or "memory" in str(error)):
                    raise
                raise RequestError(f"{items:,} items, {item_tables}: not enough memory; lower --items") from None
            whole = next((other for other in rows if (other["items"], other["item_tables"]) == (items, "whole")), None)
            if whole:
                row["ratio"] = round(row["events_per_second"] / whole["events_per_second"], 2)
            rows.append(row)
    return {"features": features, "machine": machine(), "rows": rows}


def _measure(items: int, item_tables: str, features: int, steps: int, device: torch.device) -> dict[str, Any]:
    keep_freed_memory()
    config = TrainConfig(loss="sampled_softmax", item_tables=item_tables)
    torch.manual_seed(0)
    model = Molar(config, DataFacts(items, [features], "", "", "")).to(device).train()
    optimizers = Optimizers(model, config)
    known = _random_features(items, features, config, device)
    draws = torch.Generator().manual_seed(0)
    low = config.bfloat16 and fast_bfloat16(device)
    seconds, read = [], []
    for number, batch in enumerate(_batches(items, config.batch_events, _WARM_UP + steps)):
        started = time.perf_counter()
        with training_attention(device), torch.autocast(device.type, torch.bfloat16, enabled=low):
            loss = batch_losses(model, known, batch, draws)["loss"]
        optimizers.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizers.step(config.learning_rate)
        loss.item()  # waits for a GPU
        if number >= _WARM_UP:
            seconds.append(time.perf_counter() - started)
            grad = model.own_ids.grad
            read.append(items if grad is None or not grad.is_sparse else grad._nnz())
    median = sorted(seconds)[len(seconds) // 2]
    row = {
        "items": items,
        "item_tables": item_tables,
        "rows_read": round(sum(read) / len(read)),
        "milliseconds": round(median * 1e3, 1),
        "events_per_second": round(config.batch_events / median),
        "peak_mb": round(process_megabytes("VmHWM")),
    }
    if device.type == "cuda":
        row["gpu_peak_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return row


def _random_features(items: int, features: int, config: TrainConfig, device: torch.device) -> ScaledFeatures:
    by_rows = config.reads_rows(items)
    memory = torch.device("cpu") if config.item_tables == "host" else device
    part = torch.empty(items, features, dtype=torch.float16 if by_rows else torch.float32, device=memory)
    drawn = torch.randn(min(items, _DRAWN), features, device=device)
    for begin in range(0, items, _DRAWN):
        part[begin : begin + _DRAWN] = drawn[: items - begin]
    return ScaledFeatures((part,), (torch.ones(items, 1, dtype=torch.bool, device=memory),))


def _batches(items: int, events: int, count: int) -> Iterator[Batch]:
    """Histories in which the first thousandth of the items has a tenth of the events."""
    draws = torch.Generator().manual_seed(0)
    windows = events // _LENGTH
    for _ in range(count):
        rows = (items * torch.rand(windows, _LENGTH + 1, generator=draws) ** 3).long()
        lengths = torch.full((windows,), _LENGTH)
        yield Batch(rows[:, :-1].contiguous(), rows[:, 1:].contiguous(), lengths, torch.arange(windows))
