"""What the recommendations run on, how long they take, and how many it can make at once."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape

import numpy as np

from molar.engine import Recommender

REQUESTS, AT_ONCE = 600, 32
_EVENTS = 8  # in each history of the load
_EVERY = 0.2  # seconds between two looks at the load
_WIDTH, _HEIGHT = 320, 56


def engine_panel(recommender: Recommender, calls: Sequence[float]) -> str:
    """Device, precision and size; p50 and p95 of a visit's calls, in milliseconds, and all of them as a line."""
    manifest = recommender.manifest
    gpu = recommender.device == "cuda"
    facts = {
        "Device": "NVIDIA GPU, ONNX Runtime CUDA" if gpu else "CPU, ONNX Runtime; no GPU was found or asked for",
        "Item tables": recommender.precision,
        "Catalogue": f"{len(recommender.catalog.item_ids):,} items, vectors of {manifest.dim} numbers",
        "Reads": f"the last {manifest.max_history} events of a history",
        "Item encoder": f"{manifest.item_encoder['backbone']}, {manifest.item_encoder['precision']}"
        if manifest.item_encoder
        else "none: this bundle cannot read new items",
        "Bundle": f"{manifest.name}, exported {manifest.created[:10]} by Molar {manifest.molar_version}",
    }
    rows = "".join(f"<tr><th scope='row'>{name}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f'<table class="facts">{rows}</table>{_latency(calls)}'


def load(recommender: Recommender, requests: int = REQUESTS, at_once: int = AT_ONCE) -> Iterator[str]:
    """Answer many histories drawn at random, so many at once, and say how it goes while it does."""
    rng = np.random.default_rng()
    ids = recommender.catalog.item_ids
    drawn = [[ids[row] for row in rng.integers(len(ids), size=_EVENTS)] for _ in range(requests)]
    taken: list[float] = []

    def ask(history: list[str]) -> None:
        begun = time.perf_counter()
        recommender.recommend(history, 12)
        taken.append((time.perf_counter() - begun) * 1e3)

    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        asked = [pool.submit(ask, history) for history in drawn]
        while not all(one.done() for one in asked):
            yield _progress(len(taken), requests, at_once, time.perf_counter() - started, [])
            time.sleep(_EVERY)
        for one in asked:
            one.result()
        yield _progress(requests, requests, at_once, time.perf_counter() - started, taken)


def _progress(done: int, requests: int, at_once: int, seconds: float, taken: Sequence[float]) -> str:
    rate = done / max(seconds, 1e-9)
    ended = ""
    if taken:
        ended = (
            f" p50 {np.percentile(taken, 50):.1f} ms, p95 {np.percentile(taken, 95):.1f} ms each, {at_once} at once."
        )
    return (
        f'<div class="load" role="status"><div class="track"><i style="width:{100 * done / requests:.0f}%"></i></div>'
        f"<p><b>{rate:,.0f}</b> recommendations a second: {done} of {requests} answered in {seconds:.1f} s.{ended}</p>"
        "</div>"
    )


def _latency(calls: Sequence[float]) -> str:
    if not calls:
        return '<p class="empty">No recommendation yet in this visit.</p>'
    most = max(max(calls), 1e-9)
    step = _WIDTH / max(len(calls) - 1, 1)
    line = " ".join(f"{i * step:.1f},{_HEIGHT - 4 - (_HEIGHT - 8) * ms / most:.1f}" for i, ms in enumerate(calls))
    p50, p95 = np.percentile(calls, [50, 95])
    return (
        f'<p class="calls"><b>{p50:.1f} ms</b> p50 · <b>{p95:.1f} ms</b> p95 <span>of {len(calls)} '
        f'recommendations of this visit</span></p><svg class="spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Milliseconds of each, at most {most:.1f}"><polyline points="{line}"/></svg>'
    )
