"""A source into a dataset folder, in parts: twenty million events and a million items need less than 2 GB."""

import hashlib
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from molar.engine.errors import DatasetError
from molar.train.files import new_folder
from molar.train.importers.selection import Selected, Selection, select
from molar.train.importers.source import Source

ADDRESSES = "pictures.csv"
"""item_id and url of pictures that are still to be downloaded."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_FIRST = ("item_id", "title", "description", "image")


@dataclass
class ImportReport:
    """What became of a source.

    Attributes:
        folder: the dataset folder.
        items: that it has.
        users: that it has.
        interactions: that it has.
        pictures: of its items that lie in it.
        addresses: of pictures that can be downloaded.
        dropped_events: why -> how many.
        dropped_items: why -> how many.
    """

    folder: str
    items: int = 0
    users: int = 0
    interactions: int = 0
    pictures: int = 0
    addresses: int = 0
    dropped_events: Counter[str] = field(default_factory=Counter)
    dropped_items: Counter[str] = field(default_factory=Counter)


def import_source(source: Source, out: Path, selection: Selection) -> ImportReport:
    """Make a dataset folder: items.csv, interactions.parquet, images/, and pictures.csv where pictures have addresses.

    Args:
        source: what a publisher's files hold.
        out: the folder to make; it is there as a whole or not at all.
        selection: which events are kept; items without any are left out unless `minimum_events` is 0.

    Raises:
        DatasetError: a file cannot be read, nothing is left, or `out` exists.
    """
    if out.exists():
        raise DatasetError(f"{out}: exists already; choose another --out or delete it")
    report = ImportReport(str(out))
    with new_folder(out) as folder:
        # Both are read once, however often they are needed.
        events, read_items = folder / "events.parquet", folder / "read-items.parquet"
        try:
            _as_text(source.events).sink_parquet(events)
            source.items.sink_parquet(read_items)
            items = pl.scan_parquet(read_items)
            rows = _catalogue_rows(items, report)
            selected = select(events, rows["item_id"], selection)
            chosen = np.bincount(selected.items, minlength=len(rows)) >= min(selection.minimum_events, 1)
            report.dropped_items["that nobody is left to choose"] = int((~chosen).sum())
            _write_interactions(selected, folder / "interactions.parquet")
            _write_items(items, rows.filter(chosen), folder, report)
            events.unlink()
            read_items.unlink()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DatasetError(f"{out.name}: the source cannot be read ({str(error).splitlines()[0]})") from None
    report.items = int(chosen.sum())
    report.users = len(np.unique(selected.users))
    report.interactions = len(selected.users)
    report.dropped_events = +selected.dropped
    report.dropped_items = +report.dropped_items
    return report


def _as_text(events: pl.LazyFrame) -> pl.LazyFrame:
    ids = [pl.col(name).cast(pl.String).str.strip_chars() for name in ("user_id", "item_id")]
    return events.select(*ids, pl.col("timestamp").cast(pl.Float64, strict=False))


def _catalogue_rows(items: pl.LazyFrame, report: ImportReport) -> pl.DataFrame:
    """item_id and row of each item, where it stands first."""
    found = items.select(pl.col("item_id").cast(pl.String).str.strip_chars()).with_row_index("row").collect()
    named = found.filter(pl.col("item_id").str.len_bytes() > 0)
    report.dropped_items["without an id"] = len(found) - len(named)
    once = named.unique("item_id", keep="first", maintain_order=True)
    report.dropped_items["that stand there twice"] = len(named) - len(once)
    return once


def _write_interactions(selected: Selected, path: Path) -> None:
    whole = bool((selected.times == np.floor(selected.times)).all())
    numbered = pl.LazyFrame({"user": selected.users, "item": selected.items, "timestamp": selected.times})
    (
        numbered.join(_ids("user", selected.user_ids), on="user", maintain_order="left")
        .join(_ids("item", selected.item_ids), on="item", maintain_order="left")
        .select("user_id", "item_id", pl.col("timestamp").cast(pl.Int64 if whole else pl.Float64))
        .sink_parquet(path)
    )


def _ids(name: str, ids: pl.Series) -> pl.LazyFrame:
    return pl.LazyFrame({name: np.arange(len(ids), dtype=np.uint32), f"{name}_id": ids})


def _write_items(items: pl.LazyFrame, rows: pl.DataFrame, folder: Path, report: ImportReport) -> None:
    """Items of these rows, their pictures copied."""
    columns = items.collect_schema().names()
    here = items.with_row_index("row").join(rows.lazy().select("row"), on="row", how="semi", maintain_order="left")
    images = pl.DataFrame({"row": [], "image": []}, {"row": rows["row"].dtype, "image": pl.String})
    if "picture" in columns:
        named = here.select("row", "item_id", "picture").filter(pl.col("picture").str.len_bytes() > 0).collect()
        linked = pl.col("picture").str.starts_with("http")
        images = _copied(named.filter(~linked), folder)
        addresses = named.filter(linked).select("item_id", url="picture")
        report.pictures, report.addresses = len(images), len(addresses)
        if len(addresses):
            addresses.write_csv(folder / ADDRESSES)
    ordered = [name for name in _FIRST if name in (*columns, "image")]
    ordered += [name for name in columns if name not in (*_FIRST, "picture")]
    (
        here.join(images.lazy(), on="row", how="left", maintain_order="left")
        .select(pl.col(name).cast(pl.String).fill_null("").str.strip_chars() for name in ordered)
        .sink_csv(folder / "items.csv")
    )


def _copied(pictures: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Copy pictures; row and image, the path inside of the dataset, of those that were there."""
    (folder / "images").mkdir(exist_ok=True)
    rows, images = [], []
    for row, item_id, picture in pictures.rows():
        source = Path(picture)
        if source.is_file():
            image = f"images/{picture_name(item_id)}{source.suffix.lower()}"
            shutil.copyfile(source, folder / image)
            rows.append(row)
            images.append(image)
    return pl.DataFrame({"row": rows, "image": images}, {"row": pictures["row"].dtype, "image": pl.String})


def picture_name(item_id: str) -> str:
    """A file's name for the picture of an item: its id, or a digest where that could not be one."""
    if _PLAIN_NAME.fullmatch(item_id):
        return item_id
    return hashlib.sha256(item_id.encode()).hexdigest()[:24]
