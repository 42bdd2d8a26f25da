"""What is wrong with a dataset folder, file by file and row by row.

Rows are counted from 1, without the header. `load_dataset` refuses a folder with any error that is found here;
`molar data check` lists them all, and looks at every picture too.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from molar.engine.errors import DatasetError
from molar.engine.images import open_image
from molar.train.tables import (
    INTERACTION_COLUMNS,
    ITEM_COLUMNS,
    cast_interactions,
    cast_items,
    picture_path,
    read_table,
)


@dataclass
class Report:
    """What `molar data check` found."""

    folder: str
    items: int = 0
    users: int = 0
    interactions: int = 0
    with_picture: int = 0
    with_description: int = 0
    with_interactions: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def missing_columns(table: pl.DataFrame, name: str, required: tuple[str, ...]) -> str | None:
    """The error for columns that are not there, or None."""
    missing = [column for column in required if column not in table.columns]
    if not missing:
        return None
    return f"{name}: column {', '.join(missing)} is missing; it has {', '.join(table.columns) or 'no columns'}"


def item_errors(items: pl.DataFrame, name: str) -> Iterator[str]:
    """Errors of the items table, which has text columns `item_id` and `title`."""
    if len(items) < 2:
        yield f"{name}: {len(items)} item{'' if len(items) == 1 else 's'}; ranking needs at least 2"
    numbered = items.with_row_index("row", offset=1)
    for row in numbered.filter(pl.col("item_id") == "")["row"]:
        yield f"{name} row {row}: item_id is empty; give every item an id"
    seen = numbered.filter(pl.col("item_id") != "").with_columns(first=pl.col("row").first().over("item_id"))
    for row, item_id, first in seen.filter(pl.col("row") != pl.col("first")).select("row", "item_id", "first").rows():
        yield f"{name} row {row}: item_id '{item_id}' appears twice (first in row {first}); keep one of them"


def interaction_errors(interactions: pl.DataFrame, name: str, item_ids: pl.Series, items_name: str) -> Iterator[str]:
    """Errors of the interactions table, whose `timestamp` was cast to a float (null where that failed)."""
    if interactions.is_empty():
        yield f"{name}: no interactions"
    numbered = interactions.with_row_index("row", offset=1)
    for column in ("user_id", "item_id"):
        for row in numbered.filter(pl.col(column) == "")["row"]:
            yield f"{name} row {row}: {column} is empty"
    unknown = numbered.filter((pl.col("item_id") != "") & ~pl.col("item_id").is_in(item_ids.implode()))
    for row, item_id in unknown.select("row", "item_id").rows():
        yield f"{name} row {row}: item_id '{item_id}' is not in {items_name}; add the item or drop the row"
    for row in numbered.filter(pl.col("timestamp").is_null() | ~pl.col("timestamp").is_finite())["row"]:
        yield f"{name} row {row}: timestamp is missing or not a finite number; it orders the user's history"


def picture_errors(folder: Path, items: pl.DataFrame, name: str) -> Iterator[str]:
    """Decode every picture that the items name."""
    if "image" not in items.columns:
        return
    named = items.with_row_index("row", offset=1).filter(pl.col("image") != "").select("row", "image").rows()

    def problem(entry: tuple[int, str]) -> str | None:
        row, image = entry
        try:
            open_image(picture_path(folder, image), image)
        except DatasetError as error:
            return f"{name} row {row}: {error}"
        return None

    with ThreadPoolExecutor() as pool:
        yield from filter(None, pool.map(problem, named))


def check(folder: Path, pictures: bool = True) -> Report:
    """Read a dataset folder and list everything that is wrong with it.

    Args:
        folder: the dataset folder.
        pictures: decode every picture as well.

    Raises:
        DatasetError: a table is missing or cannot be parsed, so that nothing can be listed.
    """
    report = Report(str(folder))
    raw_items, items_name = read_table(folder, "items")
    raw_interactions, interactions_name = read_table(folder, "interactions")
    columns = [
        missing_columns(raw_items, items_name, ITEM_COLUMNS),
        missing_columns(raw_interactions, interactions_name, INTERACTION_COLUMNS),
    ]
    report.errors = [error for error in columns if error]
    if report.errors:
        return report

    items = cast_items(raw_items)
    interactions = cast_interactions(raw_interactions)
    report.errors += item_errors(items, items_name)
    report.errors += interaction_errors(interactions, interactions_name, items["item_id"], items_name)
    if pictures:
        report.errors += picture_errors(folder, items, items_name)

    report.items = len(items)
    report.interactions = len(interactions)
    report.users = interactions["user_id"].n_unique()
    report.with_picture = int((items["image"] != "").sum())
    report.with_description = int((items["description"] != "").sum())
    report.with_interactions = int(items["item_id"].is_in(interactions["item_id"].implode()).sum())
    short = interactions.group_by("user_id").len().filter(pl.col("len") < 3).height
    if short:
        subject = "1 user has" if short == 1 else f"{short} users have"
        report.warnings.append(
            f"{interactions_name}: {subject} fewer than 3 events; used for training, not for evaluation"
        )
    cold = report.items - report.with_interactions
    if cold:
        report.warnings.append(f"{items_name}: {cold} of {report.items} items have no interactions")
    return report
