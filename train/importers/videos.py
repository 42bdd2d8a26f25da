"""Short videos with covers: PixelRec (github.com/westlake-repl/PixelRec) and MicroLens (…/westlake-repl/MicroLens)."""

from pathlib import Path

import polars as pl

from molar.engine.errors import DatasetError
from molar.train.importers.source import Source, only_file, plain_text, scan_text, with_pictures


def read_pixelrec(interactions: Path, information: Path, covers: Path | None = None) -> Source:
    """The two CSV files of one size, such as Pixel200K.csv, and a folder of covers named by item (`i12.jpg`).

    Raises:
        DatasetError: a file is missing, or has other columns.
    """
    events = scan_text(interactions, ("item_id", "user_id", "timestamp"))
    items = scan_text(information, ("item_id", "title", "tag", "description"))
    items = items.select("item_id", title=plain_text("title"), description=plain_text("description"), tag="tag")
    items = with_pictures(items, covers)
    return Source(items, events.select("user_id", "item_id", "timestamp"))


def read_microlens(folder: Path) -> Source:
    """`*_pairs.csv`, `*_titles.csv` (also `*_title_en.csv`, which has no header) and, if there, the folder `*_covers`.

    Raises:
        DatasetError: a file is missing, or has other columns.
    """
    pairs = only_file(folder, ("*_pairs.csv",), "the file of interactions")
    titles = only_file(folder, ("*_titles.csv", "*_title_en.csv", "*_title.csv"), "the file of titles")
    covers = sorted(path for path in folder.glob("*covers*") if path.is_dir())
    if len(covers) > 1:
        raise DatasetError(f"{folder}: covers could be in {', '.join(path.name for path in covers)}; keep one of them")
    with titles.open(encoding="utf-8-sig") as file:
        header = file.readline().strip().lower() == "item,title"
    items = scan_text(titles, ("item", "title"), header=header)
    items = items.select(item_id=pl.col("item").str.strip_chars(), title=plain_text("title"))
    items = with_pictures(items, covers[0] if covers else None)
    events = scan_text(pairs, ("user", "item", "timestamp"))
    return Source(items, events.select(user_id="user", item_id="item", timestamp="timestamp"))
