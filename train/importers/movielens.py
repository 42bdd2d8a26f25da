"""GroupLens' MovieLens in the forms of 100K (u.data, u.item), 1M and 10M (.dat), and 20M to 32M (.csv)."""

from pathlib import Path

import polars as pl

from molar.engine.errors import DatasetError
from molar.train.importers.source import Source, scan_text, with_pictures

_MOVIE = r"^(?<item_id>\d+)::(?<name>.*)::(?<genres>[^:]*)$"
_RATING = r"^(?<user_id>\d+)::(?<item_id>\d+)::(?<rating>[^:]*)::(?<timestamp>[^:]*)$"
_ENCODING = "latin-1"  # of u.item and movies.dat
_U_DATA = ("user_id", "item_id", "rating", "timestamp")
_U_ITEM_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
_NO_GENRES = ("(no genres listed)", "unknown")


def read_movielens(folder: Path, posters: Path | None = None, plots: Path | None = None) -> Source:
    """Whichever form lies in a folder.

    Args:
        folder: unpacked from GroupLens' archive.
        posters: a folder of pictures named by MovieLens id (`1.jpg`).
        plots: a CSV file with `item_id` and `description`; further columns become attributes.

    Raises:
        DatasetError: a file is missing, or a line has another form.
    """
    if (folder / "u.data").exists():
        movies, ratings = _read_u_item(folder / "u.item"), scan_text(folder / "u.data", _U_DATA, "\t", header=False)
    elif (folder / "ratings.csv").exists():
        columns = {"movieId": "item_id", "title": "name"}
        movies = scan_text(folder / "movies.csv", ("movieId", "title", "genres")).rename(columns)
        ratings = scan_text(folder / "ratings.csv", ("userId", "movieId", "timestamp"))
        ratings = ratings.rename({"userId": "user_id", "movieId": "item_id"})
    else:
        movies, ratings = _read_dat(folder / "movies.dat", _MOVIE), _read_dat(folder / "ratings.dat", _RATING)
    title = pl.col("name").str.extract(r"^(.*?)\s*\(\d{4}\)\s*$", 1).fill_null(pl.col("name"))
    items = movies.select(
        "item_id",
        # "Godfather, The" is filed by its noun; people read "The Godfather".
        title=title.str.replace(r"^(.*), (The|A|An)$", "$2 $1"),
        year=pl.col("name").str.extract(r"\((\d{4})\)\s*$", 1).fill_null(""),
        genres=pl.col("genres").replace(dict.fromkeys(_NO_GENRES, "")).str.replace_all("|", ", ", literal=True),
    )
    if plots:
        texts = scan_text(plots, ("item_id", "description")).drop("title", "year", "genres", "image", strict=False)
        items = items.join(texts, on="item_id", how="left", maintain_order="left")
    items = with_pictures(items, posters)
    return Source(items, ratings.select("user_id", "item_id", "timestamp"))


def _read_u_item(path: Path) -> pl.LazyFrame:
    lines = _latin_lines(path)
    fields = [line.split("|") for line in lines if line]
    for number, line in enumerate(fields, 1):
        if len(line) != 5 + len(_U_ITEM_GENRES):
            wanted = 5 + len(_U_ITEM_GENRES)
            raise DatasetError(f"{path.name} line {number}: has {len(line)} fields; {wanted} are expected")
    genres = [
        "|".join(name for name, flag in zip(_U_ITEM_GENRES, line[5:], strict=True) if flag == "1") for line in fields
    ]
    ids, names = zip(*(line[:2] for line in fields), strict=True)
    return pl.LazyFrame({"item_id": ids, "name": names, "genres": genres})


def _read_dat(path: Path, pattern: str) -> pl.LazyFrame:
    """Lines a::b::c."""
    if path.name == "ratings.dat" and path.exists():  # plain ASCII, and long
        lines = scan_text(path, ["line"], "\x1f", header=False)
    else:
        lines = pl.LazyFrame({"line": _latin_lines(path)})
    numbered = lines.with_row_index("number", offset=1).filter(pl.col("line").str.len_bytes() > 0)
    fields = numbered.with_columns(pl.col("line").str.strip_chars_end("\r").str.extract_groups(pattern).alias("fields"))
    broken = (
        fields.filter(pl.col("fields").struct.field("item_id").is_null()).select("number", "line").head(1).collect()
    )
    for number, line in broken.rows():
        raise DatasetError(f"{path.name} line {number}: not in GroupLens' a::b::c form: {line!r:.80}")
    return fields.select(pl.col("fields").struct.unnest())


def _latin_lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode(_ENCODING).splitlines()
    except FileNotFoundError:
        raise DatasetError(
            f"{path}: no such file; give the folder of GroupLens' ratings.dat and movies.dat, ratings.csv and "
            "movies.csv, or u.data and u.item"
        ) from None
