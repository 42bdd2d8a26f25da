"""Many threads ask while the catalogue changes, and NumPy checks every answer."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from molar.engine.benchmark import resident_mb
from molar.engine.recommendation import Recommendation
from molar.engine.recommender import Recommender

_CLOSE = 1e-3  # of the largest score


@dataclass
class _Changes:
    """When each changing item was last known to be recommendable, and to be not.

    Attributes:
        on: item id -> whether it may be recommended; not in it while a change is under way.
        version: grows with every change.
    """

    on: dict[str, bool] = field(default_factory=dict)
    version: int = 0


def stress(
    recommender: Recommender, threads: int, seconds: float, seed: int = 0, histories: int = 64
) -> dict[str, Any]:
    """Ask from many threads while items are added, hidden, shown and removed.

    Each answer must be sorted, hold each item once and none of its history, give each item the score that NumPy finds,
    and hold every item whose score belongs there and that was not being changed.

    Args:
        recommender: to be asked; its catalogue is changed, and put back except for rows that stay empty.
        threads: that ask.
        seconds: how long.
        seed: of histories and changes.
        histories: different ones.

    Returns:
        Calls, changes, errors (texts with how often), wrong answers (the first few), and resident memory in MB after a
        tenth of the time and at the end.
    """
    rng = np.random.default_rng(seed)
    ids = list(recommender.catalog.item_ids[: recommender.manifest.items])
    people = [[ids[row] for row in rng.integers(0, len(ids), rng.integers(1, 50))] for _ in range(histories)]
    rows = [recommender.catalog.rows(history) for history in people]
    queries = np.stack([ranked.query for ranked in recommender.rank(rows, 1)])
    table = recommender.vectors()
    scores = queries @ table.T
    changing = [ids[row] for row in rng.permutation(len(ids))[: max(1, len(ids) // 20)]]
    state = _Changes(dict.fromkeys(changing, True))
    errors: Counter[str] = Counter()
    wrong: list[str] = []
    calls = [0] * threads
    stop = threading.Event()

    def ask(number: int) -> None:
        mine = np.random.default_rng([seed, number])
        while not stop.is_set():
            person = int(mine.integers(histories))
            k = int(mine.integers(1, 21))
            version, on = state.version, dict(state.on)
            try:
                answer = recommender.recommend(people[person], k)
            except Exception as error:  # every error counts here
                errors[f"{type(error).__name__}: {error}"] += 1
                continue
            quiet = version == state.version
            fault = _fault(
                answer, k, people[person], rows[person], scores[person], ids, on if quiet else None, changing
            )
            if fault:
                wrong.append(fault)
            calls[number] += 1

    workers = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    started = time.monotonic()
    memory_at_first, changes = 0.0, 0
    width = recommender.manifest.dim
    while (elapsed := time.monotonic() - started) < seconds:
        if not memory_at_first and elapsed > seconds / 10:
            memory_at_first = resident_mb()
        item_id = changing[int(rng.integers(len(changing)))]
        state.version += 1
        was = state.on.pop(item_id)
        (recommender.hide_items if was else recommender.show_items)([item_id])
        state.on[item_id] = not was
        state.version += 1
        # An item that nobody likes: added and removed, it must not disturb the lists of others.
        recommender.add_vectors(f"stress {changes}", {mode: np.zeros(width, np.float32) for mode in recommender.modes})
        recommender.remove_items([f"stress {changes}"])
        changes += 1
        time.sleep(0.005)
    stop.set()
    for worker in workers:
        worker.join()
    recommender.show_items(changing)
    return {
        "bundle": recommender.manifest.name,
        "precision": recommender.precision,
        "threads": threads,
        "seconds": round(time.monotonic() - started, 1),
        "calls": sum(calls),
        "changes": changes,
        "errors": dict(errors),
        "wrong": len(wrong),
        "first_wrong": wrong[:5],
        "memory_mb": [round(memory_at_first, 1), round(resident_mb(), 1)],
    }


def _fault(
    answer: Sequence[Recommendation],
    k: int,
    history: Sequence[str],
    history_rows: Sequence[int],
    scores: np.ndarray,
    ids: Sequence[str],
    on: dict[str, bool] | None,
    changing: Sequence[str],
) -> str:
    """What is wrong with an answer; nothing if empty.

    Args:
        answer: the list.
        k: how many were asked for.
        history: ids.
        history_rows: the same as rows.
        scores: (N,) of NumPy for this history.
        ids: (N,).
        on: which of the changing items may be recommended, where nothing changed during the call.
        changing: those that are hidden and shown.
    """
    close = _CLOSE * float(np.abs(scores).max())
    names = [r.item_id for r in answer]
    listed = [r.score for r in answer]
    if len(answer) != k or len(set(names)) != len(names) or set(names) & set(history):
        return f"{len(answer)} of {k}, {names}, after {history}"
    if any(a < b for a, b in pairwise(listed)):
        return f"not sorted: {listed}"
    for r in answer:
        expected = 0.0 if r.item_id.startswith("stress ") else float(scores[r.row])
        if abs(r.score - expected) > close:
            return f"{r} where NumPy says {expected}"
    if on is not None and any(not on[name] for name in names if name in on):
        return f"hidden items in {names}"
    must = scores > listed[-1] + close
    must[list(history_rows)] = False
    unsure = set(changing) if on is None else {name for name in changing if not on.get(name, False)}
    missing = {ids[row] for row in np.flatnonzero(must).tolist()} - set(names) - unsure
    return f"lacks {missing}" if missing else ""
