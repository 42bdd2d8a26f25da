"""GroupLens' files of every size into a dataset that can be trained on."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from molar.train.dataset import Dataset
from molar.train.importers.dataset_folder import ImportReport
from molar.train.importers.movielens import read_movielens

Import = Callable[..., tuple[ImportReport, Dataset]]
Histories = Callable[[Dataset], dict[str, list[str]]]


def test_movielens_1m(tmp_path: Path, imported: Import, histories_of: Histories) -> None:
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    movies = (
        "1::Toy Story (1995)::Animation|Children's|Comedy\n2::Godfather, The (1972)::Action|Crime|Drama\n"
        "3::City of Lost Children, The (Cité des enfants perdus, La) (1995)::Adventure|Sci-Fi\n"
        "4::Rarely Seen (1999)::Drama\n"
    )
    (folder / "movies.dat").write_bytes(movies.encode("latin-1"))
    ratings = [f"{user}::{movie}::4::{100 + movie - user}" for user in (10, 9) for movie in (1, 2, 3)]
    (folder / "ratings.dat").write_bytes("\r\n".join([*ratings, "9::4::1::5", ""]).encode())
    (tmp_path / "posters").mkdir()
    Image.new("RGB", (40, 60), "navy").save(tmp_path / "posters" / "2.jpg")
    (tmp_path / "plots.csv").write_text('item_id,description,director\n1,"Toys, alive",Lasseter\n')
    source = read_movielens(folder, tmp_path / "posters", tmp_path / "plots.csv")
    report, dataset = imported(source, minimum_events=2)
    assert dataset.items.to_dicts()[1] == {
        "item_id": "2",
        "title": "The Godfather",
        "description": "",
        "image": "images/2.jpg",
        "year": "1972",
        "genres": "Action, Crime, Drama",
        "director": "",
    }
    assert dataset.items["title"].to_list() == [
        "Toy Story",
        "The Godfather",
        "City of Lost Children, The (Cité des enfants perdus, La)",
    ]
    assert dataset.items["description"].to_list() == ["Toys, alive", "", ""]
    assert histories_of(dataset) == {"10": ["1", "2", "3"], "9": ["1", "2", "3"]}
    assert report.dropped_events == {"of rare items": 1}
    assert report.dropped_items == {"that nobody is left to choose": 1}


def test_movielens_100k(tmp_path: Path, imported: Import, histories_of: Histories) -> None:
    genres = ["0"] * 19
    lines = []
    for number, name, at in ((1, "Toy Story (1995)", 3), (2, "Star Wars (1977)", 15), (3, "unknown", 0)):
        flags = [*genres]
        flags[at] = "1"
        lines.append("|".join([str(number), name, "01-Jan-1995", "", "http://us.imdb.com/", *flags]))
    (tmp_path / "u.item").write_bytes("\n".join([*lines, ""]).encode("latin-1"))
    (tmp_path / "u.data").write_text("196\t2\t3\t881250949\n196\t1\t3\t881250940\n22\t3\t1\t878887116\n")
    _, dataset = imported(read_movielens(tmp_path))
    assert dataset.items.select("title", "year", "genres").rows() == [
        ("Toy Story", "1995", "Animation"),
        ("Star Wars", "1977", "Sci-Fi"),
        ("unknown", "", ""),
    ]
    assert histories_of(dataset) == {"196": ["1", "2"], "22": ["3"]}


def test_movielens_32m(tmp_path: Path, imported: Import, histories_of: Histories) -> None:
    (tmp_path / "movies.csv").write_text(
        'movieId,title,genres\n1,Toy Story (1995),Adventure|Animation\n11,"American President, The (1995)",Comedy\n'
        "7,Ready Player One,(no genres listed)\n"
    )
    (tmp_path / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,11,4.0,944249077\n1,1,4.0,944250228\n2,7,1.5,943230976\n"
    )
    _, dataset = imported(read_movielens(tmp_path))
    assert dataset.items.select("title", "year", "genres").rows() == [
        ("Toy Story", "1995", "Adventure, Animation"),
        ("The American President", "1995", "Comedy"),
        ("Ready Player One", "", ""),
    ]
    assert histories_of(dataset) == {"1": ["11", "1"], "2": ["7"]}
