"""The engine beside what one would use in its place, in one run: latency and throughput by catalogue size.

Every contestant is asked the same: histories of item ids in, the ten best ids without the history out. The others read
the history with the same user encoder, in torch.

Dimensions: B people, L events, N items, W width of a row of the item table.
"""

import gc
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molar.engine import bundle as bundles
from molar.engine.benchmark import loading_facts, milliseconds
from molar.engine.errors import ModelError
from molar.engine.recommender import Recommender
from molar.engine.runtime import cores
from molar.export.graphs import UserGraph
from molar.export.memory_speed import MemoryReader, copy_speed
from molar.export.random_bundle import random_bundle, random_model
from molar.train.device import machine

K = 10
OTHERS = ("torch", "faiss", "usearch")
_CALLS_IN_TURN = 25
_UNTIMED = 10  # people, whose calls find the caches full of another's table, of which large ones hold a good part
_PAUSE = 0.02  # seconds

Ask = Callable[[Sequence[Sequence[str]]], Sequence[object]]
"""Histories of ids -> lists of ids; of rows -> rows where `_FROM_ROWS` asks."""

_FROM_ROWS = "engine, rows"


def benchmark_engine(
    items: Sequence[int],
    widths: Sequence[int],
    batches: Sequence[int],
    lengths: Sequence[int],
    calls: int,
    device: str = "auto",
    say: Callable[[str], None] = lambda _: None,
    keep: Path | None = None,
    beside: Collection[str] = OTHERS,
    done: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Time the engine, torch, faiss and usearch.

    Args:
        items: catalogue sizes N.
        widths: W; the first is measured with every batch and length, the others with the first of each.
        batches: B.
        lengths: L; the first is measured with every batch.
        calls: timed calls of one person; a batch is asked as often as that is people, at least five times.
        device: of the engine and torch; faiss and usearch run on the CPU.
        say: is told what is being done.
        keep: a folder for the catalogues, where those that an earlier run made are found again.
        beside: which of `OTHERS`; each holds the table in memory once more.
        done: is given what there is after each size.

    Returns:
        The machine, and `rows`: what ran where on which catalogue, the milliseconds of a call (p50, p95, p99) and
        people a second. "floor" is the time in which all threads together read the table in float32 once, measured in
        turn with the contestants; "read" in `gigabytes_a_second` is how fast that was before. On a GPU there is also a
        floor of the table in float16, at the speed at which it copies ("copy"), and the engine is asked with rows
        instead of ids besides ("engine, rows"): looking
        up the ids of many people takes longer there than answering. `repeated` is the share of int8's answers that had
        to be found again.
    """
    threads = cores()
    torch.set_num_threads(threads)
    on_gpu = device != "cpu" and torch.cuda.is_available()
    reader = MemoryReader(threads)
    speeds = {"read": reader.speed}
    if on_gpu:
        speeds["copy"] = copy_speed(torch.device("cuda"))
    rows: list[dict[str, Any]] = []
    result = {
        "machine": machine(),
        "threads": threads,
        "k": K,
        "gigabytes_a_second": {how: round(speed / 1e9, 2) for how, speed in speeds.items()},
        "rows": rows,
    }
    for width in widths:
        for size in items:
            with tempfile.TemporaryDirectory() as temporary:
                precisions = ("fp32", "fp16") if on_gpu else ("fp32", "int8")  # a CPU has no float16 products
                name = "-".join(map(str, (size, width, max(lengths), *precisions)))
                folder = (keep or Path(temporary)) / name
                if not (folder / bundles.MANIFEST).exists():
                    say(f"{size:,} items, {width} wide: making them")
                    random_bundle(folder, size, width, max(lengths), precisions)
                model, _ = random_model(width, max(lengths))
                facts = {"items": size, "dim": width}
                rows.append({"what": "load", "device": "cpu", **facts, **loading_facts(folder)})
                tables = bundles.map_tensors(
                    folder / bundles.TABLES, bundles.table_tensors(bundles.open_bundle(folder))
                )
                table = np.array(tables["aligned"][:size])
                contestants = _engines(folder, device) | _others(model, table, threads, device, beside)
                first = width == widths[0]
                cases = [(batch, lengths[0]) for batch in (batches if first else batches[:1])]
                cases += [(batches[0], length) for length in (lengths[1:] if first else [])]
                for batch, length in cases:
                    say(f"{size:,} items, {width} wide: {batch} people, {length} events each")
                    case = {**facts, "batch": batch, "history": length}
                    rows += _race(contestants, reader, case, calls)
                    if on_gpu:
                        floor = round(size * width * 2 / speeds["copy"] * 1e3, 4)
                        row = {"what": "floor", "device": "cuda", "dtype": "fp16", **case}
                        rows.append({**row, "p50_ms": floor, "p95_ms": floor})
                del contestants
                gc.collect()
                done(result)
    return result


def _race(
    contestants: dict[tuple[str, str, str], tuple[Ask, Recommender | None]],
    reader: MemoryReader,
    case: dict[str, Any],
    calls: int,
) -> list[dict[str, Any]]:
    """All take turns, so that what slows the machine down for a while slows all of them.

    In a turn one is asked again and again, as a service is. A pause before each: the threads of torch and faiss go on
    looking for work for a while when theirs is done.
    """
    rng = np.random.default_rng(0)
    items, batch, length = case["items"], case["batch"], case["history"]
    table = items * case["dim"] * 4
    asked_each = max(5, calls // batch)
    in_turn, untimed = min(asked_each, _CALLS_IN_TURN), max(1, _UNTIMED // batch)
    times: dict[tuple[str, str, str], list[float]] = {name: [] for name in contestants}
    floor: list[float] = []
    asked = 0
    before = {name: 0 if engine is None else engine.repeated for name, (_, engine) in contestants.items()}
    for _ in range(asked_each // in_turn + 1):
        in_rows = [rng.integers(0, items, (batch, length)).tolist() for _ in range(untimed + in_turn)]
        in_ids = [[[f"sku-{row}" for row in history] for history in histories] for histories in in_rows]
        asked += len(in_rows) * batch
        for name, (ask, _) in contestants.items():
            lists: Any = in_rows if name[0] == _FROM_ROWS else in_ids
            time.sleep(_PAUSE)
            for histories in lists[:untimed]:
                ask(histories)
            for histories in lists[untimed:]:
                started = time.perf_counter()
                answers = ask(histories)
                times[name].append((time.perf_counter() - started) * 1e3)
                if len(answers) != batch:
                    raise ModelError(f"{name[0]} gave {len(answers)} answers to {batch} people")
        time.sleep(_PAUSE)
        floor += [reader.milliseconds(table) for _ in range(untimed + in_turn)][untimed:]
    rows = []
    for (what, device, dtype), measured in times.items():
        row = {"what": what, "device": device, "dtype": dtype, **case, **milliseconds(measured)}
        row["people_a_second"] = round(batch / row["p50_ms"] * 1e3, 1)
        engine = contestants[what, device, dtype][1]
        if dtype == "int8" and engine is not None:
            row["repeated"] = round((engine.repeated - before[what, device, dtype]) / asked, 6)
        rows.append(row)
    rows.append({"what": "floor", "device": "cpu", "dtype": "fp32", **case, **milliseconds(floor)})
    return rows


def _engines(folder: Path, device: str) -> dict[tuple[str, str, str], tuple[Ask, Recommender | None]]:
    found: dict[tuple[str, str, str], tuple[Ask, Recommender | None]] = {}
    for precision in bundles.open_bundle(folder).precisions:
        engine = Recommender.load(folder, device, precision)

        def ask(histories: Sequence[Sequence[str]], engine: Recommender = engine) -> list[list[str]]:
            return [[r.item_id for r in answer] for answer in engine.recommend_batch(histories, K)]

        found["engine", engine.device, precision] = ask, engine
        if engine.device == "cuda":
            found[_FROM_ROWS, engine.device, precision] = partial(engine.rank, k=K), engine
    return found


def _others(
    model: Any, table: np.ndarray, threads: int, device: str, beside: Collection[str]
) -> dict[tuple[str, str, str], tuple[Ask, Recommender | None]]:
    """torch, faiss and usearch behind torch's user encoder; on a GPU float16 and torch.compile too."""
    place = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    encoder = UserGraph(model).to(place)
    vectors = torch.from_numpy(table).to(place)
    ids = [f"sku-{row}" for row in range(len(table))]
    row_of = {item_id: row for row, item_id in enumerate(ids)}

    def rows_of(histories: Sequence[Sequence[str]]) -> torch.Tensor:
        return torch.tensor([[row_of[item_id] for item_id in history] for history in histories], device=place)

    def best_unseen(found: np.ndarray, history: torch.Tensor) -> list[list[str]]:
        seen = [set(line) for line in history.tolist()]
        return [
            [ids[row] for row in line if row not in there and row >= 0][:K]
            for line, there in zip(found.tolist(), seen, strict=True)
        ]

    def best(history: torch.Tensor) -> torch.Tensor:
        scores = encoder(vectors[history], history) @ vectors.T
        return scores.scatter_(1, history, -torch.inf).topk(min(K, len(ids)), dim=1).indices

    def asking(rank: Callable[[torch.Tensor], torch.Tensor]) -> Ask:
        @torch.inference_mode()
        def ask(histories: Sequence[Sequence[str]]) -> list[list[str]]:
            return [[ids[row] for row in line] for line in rank(rows_of(histories)).tolist()]

        return ask

    @torch.inference_mode()
    def query(history: torch.Tensor) -> np.ndarray:
        return encoder(vectors[history], history).cpu().numpy()

    found: dict[tuple[str, str, str], tuple[Ask, Recommender | None]] = {}
    if "torch" in beside:
        found["torch", place.type, "fp32"] = asking(best), None
    if "torch" in beside and place.type == "cuda":
        in_half = vectors.half()

        def best_in_half(history: torch.Tensor) -> torch.Tensor:
            scores = encoder(in_half[history].float(), history).half() @ in_half.T
            return scores.scatter_(1, history, -torch.inf).topk(min(K, len(ids)), dim=1).indices

        found["torch", "cuda", "fp16"] = asking(best_in_half), None
        found["torch.compile", "cuda", "fp32"] = asking(torch.compile(best)), None
        found["torch.compile", "cuda", "fp16"] = asking(torch.compile(best_in_half)), None
    if "faiss" in beside:
        import faiss

        faiss.omp_set_num_threads(threads)
        index = faiss.IndexFlatIP(table.shape[1])
        index.add(table)

        def ask_faiss(histories: Sequence[Sequence[str]]) -> list[list[str]]:
            history = rows_of(histories)
            wanted = min(len(ids), K + history.shape[1])
            return best_unseen(index.search(query(history), wanted)[1], history)

        found["faiss", "cpu", "fp32"] = ask_faiss, None
    if "usearch" in beside:
        import usearch.index as usearch

        def ask_usearch(histories: Sequence[Sequence[str]]) -> list[list[str]]:
            history = rows_of(histories)
            wanted = min(len(ids), K + history.shape[1])
            matches = usearch.search(table, query(history), wanted, "ip", exact=True, threads=threads)
            return best_unseen(np.atleast_2d(matches.keys).astype(np.int64), history)

        found["usearch", "cpu", "fp32"] = ask_usearch, None
    return found
