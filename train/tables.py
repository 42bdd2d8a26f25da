"""The two tables of a dataset folder as text, before anything is checked."""

from pathlib import Path

import polars as pl

from molar.engine.errors import DatasetError

ITEM_COLUMNS = ("item_id", "title")
INTERACTION_COLUMNS = ("user_id", "item_id", "timestamp")


def read_table(folder: Path, stem: str) -> tuple[pl.DataFrame, str]:
    """Read `stem`.parquet or `stem`.csv with every column as text, and say which of the two it was.

    Raises:
        DatasetError: the folder or the file is missing, both forms are there, or the file cannot be parsed.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    found = [folder / f"{stem}.{ending}" for ending in ("parquet", "csv") if (folder / f"{stem}.{ending}").exists()]
    if not found:
        raise DatasetError(f"{folder}: neither {stem}.csv nor {stem}.parquet is there")
    if len(found) > 1:
        raise DatasetError(f"{folder}: both {stem}.csv and {stem}.parquet are there; keep one of them")
    path = found[0]
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path), path.name
        return pl.read_csv(path, infer_schema=False), path.name
    except pl.exceptions.NoDataError:
        raise DatasetError(f"{path.name}: the file is empty") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{path.name}: cannot be read ({str(error).splitlines()[0]})") from None


def cast_items(table: pl.DataFrame) -> pl.DataFrame:
    """Every column as stripped text, nulls as empty text, optional columns added."""
    texts = table.select(pl.col(column).cast(pl.String).fill_null("").str.strip_chars() for column in table.columns)
    for column in ("description", "image"):
        if column not in texts.columns:
            texts = texts.with_columns(pl.lit("").alias(column))
    return texts


def cast_interactions(table: pl.DataFrame) -> pl.DataFrame:
    """user_id and item_id as stripped text, timestamp as float64 (null where it is not a number)."""
    ids = [pl.col(column).cast(pl.String).fill_null("").str.strip_chars() for column in ("user_id", "item_id")]
    return table.select(*ids, pl.col("timestamp").cast(pl.Float64, strict=False))


def picture_path(folder: Path, image: str) -> Path:
    """Where a picture lies.

    Raises:
        DatasetError: the path leaves the dataset folder.
    """
    path = (folder / image).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DatasetError(f"{image}: the picture lies outside of the dataset folder; use a path inside it")
    return path
