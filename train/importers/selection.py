"""Which events an imported dataset keeps.

Ids are numbered before anything is sorted: an event then takes sixteen bytes, whatever its ids look like.

Dimensions: E events.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from molar.engine.errors import DatasetError

_PARTS = 8


@dataclass(frozen=True)
class Selection:
    """What is kept.

    Attributes:
        minimum_history: people with fewer events are left out.
        minimum_events: items with fewer events are left out. Both rules are applied until both hold: with the same
            number for both, what is left is the k-core.
        maximum_items: only the items with the most events are kept; 0 keeps all.
    """

    minimum_history: int = 1
    minimum_events: int = 5
    maximum_items: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("minimum_history", self.minimum_history, 1),
            ("minimum_events", self.minimum_events, 0),
            ("maximum_items", self.maximum_items, 0),
        ):
            if value < least:
                raise DatasetError(f"{name} is {value}; it must be at least {least}")


@dataclass(frozen=True)
class Selected:
    """Events that are kept, by person and, within a person, by time; equal times keep the file's order.

    Attributes:
        user_ids: what `users` counts.
        item_ids: what `items` counts; those that nobody chose are among them.
        users: (E,) uint32.
        items: (E,) uint32.
        times: (E,) float64.
        dropped: why -> how many events.
    """

    user_ids: pl.Series
    item_ids: pl.Series
    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    dropped: Counter[str]


def select(events: Path, item_ids: pl.Series, selection: Selection) -> Selected:
    """Choose among events.

    Args:
        events: a Parquet file of user_id, item_id, timestamp, null where they could not be read.
        item_ids: of the catalogue, without repeats.
        selection: what is kept.

    Raises:
        DatasetError: nothing is left.
    """
    dropped: Counter[str] = Counter()
    table = pl.scan_parquet(events)
    complete = table.filter(
        pl.col("user_id").str.len_bytes() > 0,
        pl.col("item_id").str.len_bytes() > 0,
        pl.col("timestamp").is_finite(),
    )
    user_ids = _people(complete)
    numbered = complete.select(_numbers("user", user_ids), _numbers("item", item_ids), "timestamp").collect(
        engine="streaming"
    )
    dropped["without a person, an item or a time"] = _length(table) - len(numbered)
    known = numbered.filter(pl.col("item").is_not_null())
    dropped["of items that the catalogue does not have"] = len(numbered) - len(known)
    users, items, times = (known[name].to_numpy() for name in ("user", "item", "timestamp"))
    del numbered, known

    order = np.lexsort((times, users))  # stable: equal times keep the file's order
    users, items, times = users[order], items[order], times[order]
    once = _first_of_equals(users, items, times)
    dropped["that stand there twice"] = int((~once).sum())
    users, items, times = users[once], items[once], times[once]

    kept = _dense(users, items, len(user_ids), len(item_ids), selection, dropped)
    if not kept.any():
        reasons = "; ".join(f"{count:,} {why}" for why, count in dropped.items() if count) or "there were none"
        raise DatasetError(f"no events are left: {reasons}")
    return Selected(user_ids, item_ids, users[kept], items[kept], times[kept], dropped)


def _people(events: pl.LazyFrame) -> pl.Series:
    """Ids of all who stand in a table, in order; by eighths of them, since to look for all at once takes 2 GB."""
    ids = events.select("user_id")
    parts = (ids.filter(pl.col("user_id").hash() % _PARTS == part) for part in range(_PARTS))
    return pl.concat([part.unique().collect(engine="streaming")["user_id"] for part in parts]).sort()


def _numbers(name: str, ids: pl.Series) -> pl.Expr:
    """The place of each id among all; null for others."""
    return pl.col(f"{name}_id").cast(pl.Enum(ids), strict=False).to_physical().cast(pl.UInt32).alias(name)


def _length(table: pl.LazyFrame) -> int:
    return int(table.select(pl.len()).collect().item())


def _first_of_equals(users: np.ndarray, items: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(E,) whether an event is the first of its person, item and time; sorted by person and time."""
    order = np.lexsort((items, times, users))
    same = np.zeros(len(users), bool)
    same[1:] = (
        (users[order][1:] == users[order][:-1])
        & (times[order][1:] == times[order][:-1])
        & (items[order][1:] == items[order][:-1])
    )
    first = np.ones(len(users), bool)
    first[order[same]] = False
    return first


def _dense(
    users: np.ndarray, items: np.ndarray, people: int, catalogue: int, selection: Selection, dropped: Counter[str]
) -> np.ndarray:
    """(E,) whether an event stays when thin histories and rare items go, until none is left of either."""
    kept = np.ones(len(users), bool)
    if selection.maximum_items:
        counts = np.bincount(items, minlength=catalogue)
        frequent = np.zeros(catalogue, bool)
        frequent[np.argsort(-counts, kind="stable")[: selection.maximum_items]] = True
        kept = frequent[items]
        dropped["of items beyond the most frequent ones"] = int((~kept).sum())
    while True:
        rare = np.bincount(items[kept], minlength=catalogue) < selection.minimum_events
        of_rare = kept & rare[items]
        kept &= ~of_rare
        thin = np.bincount(users[kept], minlength=people) < selection.minimum_history
        of_thin = kept & thin[users]
        kept &= ~of_thin
        dropped["of rare items"] += int(of_rare.sum())
        dropped["of people with few events"] += int(of_thin.sum())
        if not (of_rare.any() or of_thin.any()):
            return kept
