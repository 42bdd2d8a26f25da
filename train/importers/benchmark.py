"""What an import takes: generated file sets in a publisher's form, imported by a process whose memory is watched."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from molar.engine.errors import RequestError
from molar.train.process_memory import process_megabytes, require_linux

_PART = 1_000_000  # events that are generated at once
_PEOPLE_PER_EVENT = 0.1
_WORDS = ("soft", "warm", "light", "blue", "cotton", "travel", "set", "kitchen", "classic", "small", "for", "women")
_TEXT = 60  # words of a description


def benchmark_import(form: str, events: int, items: int, seed: int = 0) -> dict[str, Any]:
    """Generate a source, import it with `molar data import`, and measure.

    Args:
        form: "amazon" or "hm".
        events: that are generated; a few per cent repeat another, name no item, or have no time.
        items: of the catalogue.
        seed: of the generator.

    Returns:
        form, events, items, source_mb, seconds, peak_mb (memory of the importing process, mapped files apart) and
        events_per_second.

    Raises:
        RequestError: there is no such form, the import fails, or this is no Linux.
    """
    if form not in GENERATORS:
        raise RequestError(f"no form {form!r}; choose {' or '.join(GENERATORS)}")
    require_linux()
    with tempfile.TemporaryDirectory() as temporary:
        source, out = Path(temporary) / "source", Path(temporary) / "out"
        source.mkdir()
        GENERATORS[form](source, events, items, np.random.default_rng(seed))
        size = sum(path.stat().st_size for path in source.iterdir()) / 1e6
        command = [sys.executable, "-m", "molar.app", "data", "import", form, str(source), "--out", str(out)]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        peak = _peak_megabytes(process)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise RequestError(f"the import ended with {process.returncode}")
        kept = pl.scan_parquet(out / "interactions.parquet").select(pl.len()).collect().item()
    return {
        "form": form,
        "events": events,
        "items": items,
        "kept_events": int(kept),
        "source_mb": round(size, 1),
        "seconds": round(seconds, 1),
        "peak_mb": round(peak, 1),
        "events_per_second": round(events / seconds),
    }


def _peak_megabytes(process: subprocess.Popen) -> float:
    """Wait for a process; its own memory at most, without the pages of files that it maps and the system may drop."""
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, process_megabytes("RssAnon", process.pid))
        time.sleep(0.01)
    return peak


def _generate_amazon(folder: Path, events: int, items: int, rng: np.random.Generator) -> None:
    with (folder / "meta_Things.jsonl").open("w", encoding="utf-8") as file:
        for number in range(items):
            words = rng.choice(_WORDS, _TEXT)
            line = {
                "main_category": "Things",
                "title": " ".join(words[:8]),
                "description": [f"<p>{' '.join(words)}</p>"],
                "features": list(words[:3]),
                "price": round(float(rng.gamma(2, 10)), 2),
                "images": [{"thumb": "", "large": f"https://host/{number}.jpg", "variant": "MAIN", "hi_res": None}],
                "store": f"Brand {number % 997}",
                "categories": ["Things", str(words[0])],
                "details": {"Weight": str(number)},
                "parent_asin": f"B{number:09d}",
            }
            file.write(json.dumps(line) + "\n")

    def table(users: np.ndarray, chosen: np.ndarray, times: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame({"user": users, "item": chosen}).select(
            rating=5.0,
            title=pl.lit("Good"),
            text=pl.lit("as described " * 4),
            parent_asin=pl.format("B{}", pl.col("item").cast(pl.String).str.zfill(9)),
            user_id=pl.format("AE{}", pl.col("user").cast(pl.String).str.zfill(26)),
            timestamp=pl.Series(1_500_000_000_000 + times * 1000),
        )

    with (folder / "Things.jsonl").open("wb") as reviews:
        _write_parts(events, items, rng, lambda *columns: table(*columns).write_ndjson(reviews))


def _generate_hm(folder: Path, events: int, items: int, rng: np.random.Generator) -> None:
    number = pl.Series(np.arange(items))
    texts = [" ".join(rng.choice(_WORDS, _TEXT)) for _ in range(1000)]
    pl.DataFrame({"number": number}).select(
        article_id=pl.col("number").cast(pl.String).str.zfill(10),
        prod_name=pl.format("Strap top {}", "number"),
        product_type_name=pl.lit("Vest top"),
        product_group_name=pl.lit("Garment Upper body"),
        graphical_appearance_name=pl.lit("Solid"),
        colour_group_name=pl.lit("Black"),
        index_name=pl.lit("Ladieswear"),
        detail_desc=pl.Series([texts[one % 1000] for one in range(items)]),
    ).write_csv(folder / "articles.csv")

    def table(users: np.ndarray, chosen: np.ndarray, times: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame({"user": users, "item": chosen, "day": times // 86_400}).select(
            t_dat=(pl.lit("2018-09-20").str.to_date() + pl.duration(days="day")).cast(pl.String),
            customer_id=pl.col("user").cast(pl.String).str.zfill(64),
            article_id=pl.col("item").cast(pl.String).str.zfill(10),
            price=0.0338,
            sales_channel_id=2,
        )

    header = True

    def write(*columns: np.ndarray) -> None:
        nonlocal header
        table(*columns).write_csv(file, include_header=header)
        header = False

    with (folder / "transactions_train.csv").open("wb") as file:
        _write_parts(events, items, rng, write)


def _write_parts(events: int, items: int, rng: np.random.Generator, write: Callable[..., Any]) -> None:
    """Events in parts: few items have many, three in a hundred name no item, as many repeat another."""
    people = max(1, int(events * _PEOPLE_PER_EVENT))
    for start in range(0, events, _PART):
        count = min(_PART, events - start)
        users = rng.integers(people, size=count)
        chosen = (items * rng.random(count) ** 3 * 1.03).astype(np.int64)
        times = rng.integers(100_000_000, size=count)
        twice = rng.integers(count, size=count // 33)
        for column in (users, chosen, times):
            column[: len(twice)] = column[twice]
        write(users, chosen, times)


GENERATORS = {"amazon": _generate_amazon, "hm": _generate_hm}
