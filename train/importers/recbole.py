"""RecBole's atomic files (https://recbole.io/atomic_files.html): tab-separated, with types in the header."""

from pathlib import Path

import polars as pl

from molar.engine.errors import DatasetError
from molar.train.importers.source import Source, only_file, scan_text, with_pictures

_TITLES = ("title", "movie_title", "name", "item_name", "product_name")
_PICTURES = ("image", "image_url", "img_url", "imUrl", "picture")


def read_recbole(folder: Path, pictures: Path | None = None) -> Source:
    """`NAME.inter` and `NAME.item`.

    Args:
        folder: with the two files.
        pictures: a folder of pictures named by item id.

    Raises:
        DatasetError: a file or a column is missing.
    """
    inter = _read(only_file(folder, ("*.inter",), "the file of interactions"), ("user_id", "item_id", "timestamp"))
    items = _read(only_file(folder, ("*.item",), "the file of items"), ("item_id",))
    names = items.collect_schema().names()
    title = next((name for name in _TITLES if name in names), None)
    if title is None:
        raise DatasetError(f"{folder}: the file of items has no title; one of {', '.join(_TITLES)} is read")
    items = items.rename({title: "title"} | {name: "picture" for name in _PICTURES if name in names})
    return Source(with_pictures(items, pictures), inter.select("user_id", "item_id", "timestamp"))


def _read(path: Path, columns: tuple[str, ...]) -> pl.LazyFrame:
    table = scan_text(path, (), "\t")
    named = {name: name.partition(":")[0] for name in table.collect_schema().names()}
    if missing := [column for column in columns if column not in named.values()]:
        raise DatasetError(f"{path.name}: column {', '.join(missing)} is missing; it has {', '.join(named.values())}")
    return table.rename(named)
