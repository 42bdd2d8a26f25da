"""H&M Personalized Fashion Recommendations (kaggle.com/c/h-and-m-personalized-fashion-recommendations)."""

from pathlib import Path

import polars as pl

from molar.train.importers.source import Source, scan_text, with_pictures

_ATTRIBUTES = {
    "product_type_name": "category",
    "product_group_name": "group",
    "colour_group_name": "colour",
    "graphical_appearance_name": "pattern",
    "index_name": "department",
}
_DAY = 86_400  # seconds


def read_hm(folder: Path) -> Source:
    """`articles.csv`, `transactions_train.csv` and, if there, `images/010/0108775015.jpg` and so on.

    Ids keep their leading zeros. Purchases are known by the day; what was bought on one day keeps the file's order.

    Raises:
        DatasetError: a file is missing, or has other columns.
    """
    articles = scan_text(folder / "articles.csv", ("article_id", "prod_name", "detail_desc", *_ATTRIBUTES))
    images = folder / "images"
    items = articles.select(
        pl.col("article_id").str.zfill(10).alias("item_id"),
        title="prod_name",
        description="detail_desc",
        **{name: pl.col(column) for column, name in _ATTRIBUTES.items()},
    )
    items = with_pictures(items, images if images.is_dir() else None)
    purchases = scan_text(folder / "transactions_train.csv", ("t_dat", "customer_id", "article_id"))
    day = pl.col("t_dat").str.to_date("%Y-%m-%d", strict=False)
    events = purchases.select(
        user_id="customer_id",
        item_id=pl.col("article_id").str.zfill(10),
        timestamp=day.dt.epoch("d").cast(pl.Int64) * _DAY,
    )
    return Source(items, events)
