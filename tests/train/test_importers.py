"""GroupLens' files as they are published: Latin-1, a::b::c, years in titles, articles at the end."""

from pathlib import Path

import pytest
from PIL import Image

from molar.engine import DatasetError
from molar.train.dataset import load_dataset
from molar.train.importers import import_movielens

MOVIES = """1::Toy Story (1995)::Animation|Children's|Comedy
2::Godfather, The (1972)::Action|Crime|Drama
3::City of Lost Children, The (Cité des enfants perdus, La) (1995)::Adventure|Sci-Fi
4::Rarely Seen (1999)::Drama
"""
RATINGS = (
    "".join(f"{user}::{movie}::4::{100 + movie - user}\n" for user in (10, 9) for movie in (1, 2, 3)) + "9::4::1::5\n"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    (folder / "movies.dat").write_bytes(MOVIES.encode("latin-1"))
    (folder / "ratings.dat").write_bytes(RATINGS.replace("\n", "\r\n").encode("latin-1"))
    return folder


def test_movielens(source: Path, tmp_path: Path) -> None:
    posters, plots = tmp_path / "posters", tmp_path / "plots.csv"
    posters.mkdir()
    Image.new("RGB", (40, 60), "navy").save(posters / "2.jpg")
    plots.write_text('item_id,description,director\n1,"Toys, alive",Lasseter\n')
    import_movielens(source, tmp_path / "out", posters, plots, minimum_events=2)
    dataset = load_dataset(tmp_path / "out")
    assert dataset.items.to_dicts() == [
        {
            "item_id": "1",
            "title": "Toy Story",
            "year": "1995",
            "genres": "Animation, Children's, Comedy",
            "description": "Toys, alive",
            "director": "Lasseter",
            "image": "",
        },
        {
            "item_id": "2",
            "title": "The Godfather",
            "year": "1972",
            "genres": "Action, Crime, Drama",
            "description": "",
            "director": "",
            "image": "images/2.jpg",
        },
        {
            "item_id": "3",
            "title": "City of Lost Children, The (Cité des enfants perdus, La)",
            "year": "1995",
            "genres": "Adventure, Sci-Fi",
            "description": "",
            "director": "",
            "image": "",
        },
    ]
    assert dataset.user_ids == ["9", "10"]
    assert dataset.rows.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_broken_line_is_named(source: Path, tmp_path: Path) -> None:
    with (source / "ratings.dat").open("a") as file:
        file.write("7;3;5;100\n")
    with pytest.raises(DatasetError, match=r"ratings\.dat line 8: not in GroupLens' a::b::c form: '7;3;5;100'"):
        import_movielens(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_sources_and_an_output_that_exists(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"movies\.dat: no such file; give the folder of GroupLens"):
        import_movielens(tmp_path, tmp_path / "out")
    with pytest.raises(DatasetError, match="no such folder of posters"):
        import_movielens(source, tmp_path / "out", posters=tmp_path / "none")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DatasetError, match="exists already"):
        import_movielens(source, source)
