"""Any two tables, their columns named by whoever imports them."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from molar.train.importers.source import Source, plain_text, scan_text, with_columns, with_pictures


def read_tables(
    events: Path,
    user: str,
    item: str,
    time: str,
    items: Path | None = None,
    columns: Mapping[str, str] | None = None,
    pictures: Path | None = None,
) -> Source:
    """A table of events and, where there is one, of items: CSV, TSV, Parquet or JSON lines; text files also gzipped.

    Args:
        events: one row an event.
        user: column of `events` with the person.
        item: column of `events` with the item.
        time: column of `events` with a date and time, or a number that sorts.
        items: one row an item; if not given, items are what events are of, and their ids their titles.
        columns: which column of `items` is `item_id`, `title`, `description` or `image` (a path beside the table, or an
            address); those that are not named are looked for under these names. All others are attributes.
        pictures: a folder of pictures named by item id.

    Raises:
        DatasetError: a table cannot be read, or a column is missing.
    """
    table = _scan(events, (user, item, time))
    happened = table.select(pl.col(user).alias("user_id"), pl.col(item).alias("item_id"), _seconds(table, time))
    if items is None:
        ids = happened.select(pl.col("item_id").cast(pl.String)).unique(maintain_order=True)
        catalogue = ids.with_columns(title="item_id")
    else:
        catalogue = _catalogue(items, columns or {})
    return Source(with_pictures(catalogue, pictures), happened)


def _catalogue(path: Path, columns: Mapping[str, str]) -> pl.LazyFrame:
    named = {name: columns.get(name, name) for name in ("item_id", "title", "description", "image")}
    required = [column for name, column in named.items() if name in ("item_id", "title") or name in columns]
    table = _scan(path, required)
    found = table.collect_schema().names()
    named = {column: name for name, column in named.items() if column in found}
    catalogue = table.rename(named).select(pl.all().cast(pl.String, strict=False))
    texts = [name for name in ("title", "description") if name in named.values()]
    catalogue = catalogue.with_columns(**{name: plain_text(name) for name in texts})
    if "image" not in named.values():
        return catalogue
    beside = f"{path.parent.resolve()}/"
    address = pl.col("image").str.starts_with("http")
    picture = pl.when(address | (pl.col("image") == "")).then("image").otherwise(pl.lit(beside) + pl.col("image"))
    return catalogue.with_columns(picture=picture).drop("image")


def _scan(path: Path, columns: list[str] | tuple[str, ...]) -> pl.LazyFrame:
    name = path.name.removesuffix(".gz")
    if name.endswith((".csv", ".tsv", ".txt")):
        return scan_text(path, columns, "," if name.endswith(".csv") else "\t", quoted=True)
    if name.endswith(".parquet"):
        return with_columns(path, columns, lambda: pl.scan_parquet(path))
    return with_columns(path, columns, lambda: pl.scan_ndjson(path, infer_schema_length=10_000))


def _seconds(table: pl.LazyFrame, time: str) -> pl.Expr:
    """Seconds since 1970 of dates, and numbers as they are."""
    kind = table.collect_schema()[time]
    column = pl.col(time)
    if kind == pl.String:
        number = column.cast(pl.Float64, strict=False)
        moment = column.str.to_datetime(strict=False, time_unit="us", exact=True)
        return pl.coalesce(number, moment.dt.epoch("us") / 1e6).alias("timestamp")
    if kind.is_temporal():
        return (column.cast(pl.Datetime("us")).dt.epoch("us") / 1e6).alias("timestamp")
    return column.cast(pl.Float64, strict=False).alias("timestamp")
