"""Other formats into the dataset folder."""

import shutil
from pathlib import Path

import polars as pl

from molar.engine.errors import DatasetError
from molar.train.files import new_folder

_MOVIE = r"^(?<movie>\d+)::(?<name>.*)::(?<genres>[^:]*)$"
_RATING = r"^(?<user_id>\d+)::(?<item_id>\d+)::(?<rating>[^:]*)::(?<timestamp>[^:]*)$"


def import_movielens(
    source: Path, out: Path, posters: Path | None = None, plots: Path | None = None, minimum_events: int = 5
) -> None:
    """GroupLens' `movies.dat` and `ratings.dat` (MovieLens 1M, 10M) into a dataset folder.

    Args:
        source: the folder with the two files.
        out: the dataset folder to make.
        posters: a folder of pictures named by MovieLens id (`1.jpg`); they are copied.
        plots: a CSV file with `item_id` and `description`; further columns become attributes.
        minimum_events: movies with fewer ratings are left out, as the SASRec papers do.

    Raises:
        DatasetError: a file is missing or a line has another form; `out` exists.
    """
    if out.exists():
        raise DatasetError(f"{out}: exists already; choose another --out or delete it")
    movies = _read_lines(source / "movies.dat", _MOVIE)
    ratings = _read_lines(source / "ratings.dat", _RATING)

    title = pl.col("name").str.extract(r"^(.*?)\s*\(\d{4}\)\s*$", 1).fill_null(pl.col("name"))
    items = movies.select(
        item_id="movie",
        # "Godfather, The" is filed by its noun; people read "The Godfather".
        title=title.str.replace(r"^(.*), (The|A|An)$", "$2 $1"),
        year=pl.col("name").str.extract(r"\((\d{4})\)\s*$", 1).fill_null(""),
        genres=pl.col("genres").str.replace_all("|", ", ", literal=True),
    )
    counts = ratings.group_by("item_id").len().filter(pl.col("len") >= minimum_events)
    items = items.filter(pl.col("item_id").is_in(counts["item_id"].implode()))
    if plots:
        items = items.join(_read_plots(plots), on="item_id", how="left").fill_null("")
    interactions = (
        ratings.filter(pl.col("item_id").is_in(items["item_id"].implode()))
        .select("user_id", "item_id", pl.col("timestamp").cast(pl.Int64))
        .sort(pl.col("user_id").cast(pl.Int64), "timestamp", maintain_order=True)
    )
    with new_folder(out) as folder:
        if posters:
            items = items.with_columns(image=pl.col("item_id").map_elements(_copier(posters, folder), pl.String))
        items.write_csv(folder / "items.csv")
        interactions.write_parquet(folder / "interactions.parquet")


def _read_lines(path: Path, pattern: str) -> pl.DataFrame:
    try:
        lines = path.read_bytes().decode("latin-1").splitlines()  # GroupLens' encoding
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file; give the folder of GroupLens' ratings.dat and movies.dat") from None
    table = pl.DataFrame({"line": lines}).filter(pl.col("line") != "")
    fields = table.select(pl.col("line").str.extract_groups(pattern)).unnest("line")
    broken = fields.select(pl.all_horizontal(pl.all().is_null())).to_series().arg_true()
    if len(broken):
        raise DatasetError(
            f"{path.name} line {broken[0] + 1}: not in GroupLens' a::b::c form: {lines[broken[0]]!r:.80}"
        )
    return fields


def _read_plots(path: Path) -> pl.DataFrame:
    try:
        plots = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DatasetError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    for column in ("item_id", "description"):
        if column not in plots.columns:
            raise DatasetError(f"{path.name}: column {column} is missing; it has {', '.join(plots.columns)}")
    return plots.drop("title", "year", "genres", "image", strict=False)


def _copier(posters: Path, folder: Path):  # type: ignore[no-untyped-def]
    if not posters.is_dir():
        raise DatasetError(f"{posters}: no such folder of posters")
    found = {path.stem: path for path in posters.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")}
    (folder / "images").mkdir()

    def copy(item_id: str) -> str:
        if item_id not in found:
            return ""
        shutil.copyfile(found[item_id], folder / "images" / found[item_id].name)
        return f"images/{found[item_id].name}"

    return copy
