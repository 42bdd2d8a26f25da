"""What a publisher's files hold, read lazily: nothing here keeps more of them in memory than a part."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from molar.engine.errors import DatasetError

_TAG = r"<[A-Za-z/!][^<>]{0,500}>"
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|\w{2,31});")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Source:
    """Two tables that are read only as far as they are asked for.

    Attributes:
        items: item_id and title as text; where there are such, description, picture (a path, or an address that begins
            with http) and attributes, all as text.
        events: user_id and item_id as text, timestamp as a number; in the order of the file.
    """

    items: pl.LazyFrame
    events: pl.LazyFrame


def only_file(folder: Path, patterns: Sequence[str], what: str) -> Path:
    """The one file of a folder that has one of these names.

    Args:
        folder: to look into.
        patterns: such as `*_pairs.csv`; the first that matches anything counts.
        what: it is, in words.

    Raises:
        DatasetError: the folder, or such a file, is not there, or there are several.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if len(found) > 1:
            names = ", ".join(path.name for path in found[:4])
            raise DatasetError(f"{folder}: {what} could be {names}; keep one of them there")
        if found:
            return found[0]
    raise DatasetError(f"{folder}: {what} is missing; it is called {' or '.join(patterns)}")


def scan_text(
    path: Path, columns: Sequence[str], separator: str = ",", header: bool = True, quoted: bool | None = None
) -> pl.LazyFrame:
    """A delimited file, also gzipped, with every column as text.

    Args:
        path: of the file; a byte order mark and Windows' line ends do no harm.
        columns: that it must have; without a header, what its columns are called.
        separator: between two fields.
        header: whether its first line names the columns.
        quoted: whether fields may stand in double quotes; if not given, where commas separate them.

    Raises:
        DatasetError: it cannot be read, or has other columns.
    """
    return with_columns(
        path,
        columns,
        lambda: pl.scan_csv(
            path,
            separator=separator,
            has_header=header,
            infer_schema=False,
            quote_char='"' if (separator == "," if quoted is None else quoted) else None,
            new_columns=None if header else list(columns),
        ),
    )


def with_columns(path: Path, columns: Sequence[str], scan: Callable[[], pl.LazyFrame]) -> pl.LazyFrame:
    """A table that has these columns.

    Args:
        path: of its file.
        columns: that it must have.
        scan: opens it.

    Raises:
        DatasetError: it cannot be read, or has other columns.
    """
    try:
        table = scan()
        found = table.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    if missing := [column for column in columns if column not in found]:
        raise DatasetError(f"{path.name}: column {', '.join(missing)} is missing; it has {', '.join(found)}")
    return table


def plain_text(column: str) -> pl.Expr:
    """A column of texts without HTML: tags are spaces, entities what they stand for, white space single."""
    text = pl.col(column).str.replace_all(_TAG, " ").map_batches(_without_entities, pl.String, is_elementwise=True)
    return text.str.replace_all(r"\s+", " ").str.strip_chars()


def _without_entities(texts: pl.Series) -> pl.Series:
    return pl.Series(
        texts.name,
        [html.unescape(text) if text and "&" in text and _ENTITY.search(text) else text for text in texts],
        pl.String,
    )


def with_pictures(items: pl.LazyFrame, folder: Path | None) -> pl.LazyFrame:
    """Items, with the pictures of a folder, and those in it, that are called as they are; nothing new without a folder.

    Raises:
        DatasetError: there is no such folder.
    """
    if folder is None:
        return items
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of pictures")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PICTURES)
    named = {path.stem: str(path) for path in reversed(found)}
    schema = {"item_id": pl.String, "picture": pl.String}
    pictures = pl.LazyFrame({"item_id": list(named), "picture": list(named.values())}, schema)
    return items.drop("picture", strict=False).join(pictures, on="item_id", how="left", maintain_order="left")
