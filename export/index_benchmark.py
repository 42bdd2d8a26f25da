"""`molar bench index`: item search in Qdrant and Milvus beside the exact search in the graph, on random vectors."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from molar.engine import Recommender
from molar.engine.benchmark import milliseconds
from molar.engine.index import push
from molar.export.random_bundle import random_bundle
from molar.train.device import machine

_K = 10
_WARM_UP = 5  # calls


def benchmark_index(
    addresses: Sequence[str], items: int, width: int, length: int, calls: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Fill each index with the same items and ask it, and the exact engine, for the same people one by one.

    Args:
        addresses: of indexes, see `molar.engine.index`; each gets a collection that stays there.
        items: N.
        width: W, of an item's vector.
        length: of each history, in events.
        calls: that are timed.
        say: is told each step.

    Returns:
        For each: milliseconds of a call, how many times the exact engine's that is, how many of the ten exact ones it
        finds, and how many items a second it took in.

    Raises:
        RequestError: an address is not understood, or its client is not installed.
        UnavailableError: an index does not answer.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bundle"
        say(f"a bundle of {items:,} items")
        random_bundle(folder, items, width, length, ("fp32", "int8"))
        exact = Recommender.load(folder, "cpu")
        rng = np.random.default_rng(0)
        people = [[f"sku-{row}" for row in rng.integers(0, items, length)] for _ in range(_WARM_UP + calls)]
        expected, times = _asked(exact, people)
        rows.append({"index": "exact, in the graph", "precision": exact.precision, **milliseconds(times)})
        for address in addresses:
            say(f"{address}: filled")
            begun = time.perf_counter()
            push(folder, address)
            took = time.perf_counter() - begun
            say(f"{address}: asked")
            found, times = _asked(Recommender.load(folder, "cpu", index=address), people)
            shared = [len(set(one) & set(other)) / _K for one, other in zip(expected, found, strict=True)]
            row = {"index": address.split("://")[0], **milliseconds(times)}
            row["beside_exact"] = round(row["p50_ms"] / rows[0]["p50_ms"], 2)
            row["recall_at_10"] = round(float(np.mean(shared)), 4)
            row["items_a_second"] = round(items / took, 1)
            rows.append(row)
    return {"machine": machine(), "items": items, "dim": width, "history": length, "calls": calls, "rows": rows}


def _asked(recommender: Recommender, people: Sequence[Sequence[str]]) -> tuple[list[list[str]], list[float]]:
    """The answers to all but the first few, and the milliseconds they took."""
    answers, times = [], []
    for history in people:
        begun = time.perf_counter()
        answers.append([one.item_id for one in recommender.recommend(history, _K)])
        times.append((time.perf_counter() - begun) * 1e3)
    return answers[_WARM_UP:], times[_WARM_UP:]
