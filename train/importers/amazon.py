"""Amazon Reviews 2023 (https://amazon-reviews-2023.github.io): a review is an event, whatever its stars."""

from pathlib import Path

import polars as pl

from molar.train.importers.source import Source, only_file, plain_text

_PICTURE = pl.Struct({"hi_res": pl.String, "large": pl.String, "thumb": pl.String})
_ITEMS: dict[str, pl.DataType | type[pl.DataType]] = {
    "parent_asin": pl.String,
    "title": pl.String,
    "description": pl.List(pl.String),
    "features": pl.List(pl.String),
    "categories": pl.List(pl.String),
    "main_category": pl.String,
    "store": pl.String,
    "price": pl.String,  # a number, or text such as "from 7.99"
    "images": pl.List(_PICTURE),
}
_REVIEWS = {"user_id": pl.String, "parent_asin": pl.String, "timestamp": pl.Int64}


def read_amazon(folder: Path) -> Source:
    """Read `meta_CATEGORY.jsonl` and `CATEGORY.jsonl`, both possibly gzipped, of one category.

    Colours and sizes of one product share a `parent_asin`: that is the item. Pictures are addresses.

    Raises:
        DatasetError: a file is missing.
    """
    meta = only_file(folder, ("meta_*.jsonl", "meta_*.jsonl.gz"), "the file of items")
    name = meta.name.removeprefix("meta_").removesuffix(".gz")
    reviews = only_file(folder, (name, f"{name}.gz"), "the file of reviews")
    items = pl.scan_ndjson(meta, schema=_ITEMS)
    description = pl.concat_list(pl.col("description").fill_null([]), pl.col("features").fill_null([])).list.join(" ")
    first = pl.col("images").list.first()
    items = items.select(
        item_id="parent_asin",
        title="title",
        description=description,
        category=pl.coalesce(pl.col("categories").list.last(), "main_category"),
        brand="store",
        price=pl.col("price").str.replace(r"^(None|—|-)$", ""),
        picture=pl.coalesce(*(first.struct.field(size) for size in ("large", "hi_res", "thumb"))),
    ).with_columns(title=plain_text("title"), description=plain_text("description"))
    events = pl.scan_ndjson(reviews, schema=_REVIEWS).rename({"parent_asin": "item_id"})
    return Source(items, events.select("user_id", "item_id", "timestamp"))
