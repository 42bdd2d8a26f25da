"""The dataset folder: what is read, and what every mistake in it says."""

import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from molar.engine import DatasetError
from molar.train.dataset import load_dataset
from molar.train.dataset_check import check
from molar.train.split import histories, leave_one_out, targets


def write(folder: Path, items: str, interactions: str) -> Path:
    """A dataset folder from the text of its two tables."""
    folder.mkdir(exist_ok=True)
    (folder / "items.csv").write_text(items, encoding="utf-8")
    (folder / "interactions.csv").write_text(interactions, encoding="utf-8")
    return folder


ITEMS = "item_id,title,color\nA,Mug,red\nB,Bowl,blue\nC,Vase,red\n"
EVENTS = "user_id,item_id,timestamp\nu,B,3\nu,A,1\nv,C,5\nu,C,2\nu,A,4\n"


def test_events_are_ordered_by_time_within_each_user(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, ITEMS, EVENTS))
    assert dataset.user_ids == ["u", "v"]
    assert dataset.offsets.tolist() == [0, 4, 5]
    assert dataset.rows.tolist() == [0, 2, 1, 0, 2]  # A C B A | C
    assert dataset.attributes == ["color"]


def test_equal_timestamps_keep_the_order_of_the_file(tmp_path: Path) -> None:
    events = "user_id,item_id,timestamp\nu,C,1\nu,A,1\nu,B,1\n"
    assert load_dataset(write(tmp_path, ITEMS, events)).rows.tolist() == [2, 0, 1]


def test_parquet_and_a_byte_order_mark_read_the_same(tmp_path: Path) -> None:
    csv = write(tmp_path / "csv", "\ufeff" + ITEMS, EVENTS)
    parquet = tmp_path / "parquet"
    parquet.mkdir()
    for stem in ("items", "interactions"):
        pl.read_csv(csv / f"{stem}.csv").write_parquet(parquet / f"{stem}.parquet")
    one, other = load_dataset(csv), load_dataset(parquet)
    assert one.items.equals(other.items)
    assert np.array_equal(one.rows, other.rows)


def test_leave_one_out(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, ITEMS, EVENTS))
    split = leave_one_out(dataset)
    assert split.evaluated.tolist() == [0]  # v has one event
    assert split.train_length.tolist() == [2, 1]
    assert targets(dataset, split, "validation").tolist() == [1]  # B
    assert targets(dataset, split, "test").tolist() == [0]  # A
    assert [h.tolist() for h in histories(dataset, split, "test")] == [[0, 2, 1]]


MISTAKES = {
    "missing column": (
        "item_id,name\nA,Mug\nB,Bowl\n",
        EVENTS,
        "items.csv: column title is missing; it has item_id, name",
    ),
    "duplicate item id": (
        ITEMS + "A,Cup,red\n",
        EVENTS,
        "items.csv row 4: item_id 'A' appears twice (first in row 1); keep one of them",
    ),
    "empty item id": (ITEMS + " ,Cup,red\n", EVENTS, "items.csv row 4: item_id is empty; give every item an id"),
    "unknown item": (
        ITEMS,
        EVENTS + "v,Z,6\n",
        "interactions.csv row 6: item_id 'Z' is not in items.csv; add the item or drop the row",
    ),
    "NaN time": (
        ITEMS,
        EVENTS + "v,A,NaN\n",
        "interactions.csv row 6: timestamp is missing or not a finite number; it orders the user's history",
    ),
    "word for a time": (
        ITEMS,
        EVENTS + "v,A,soon\n",
        "interactions.csv row 6: timestamp is missing or not a finite number; it orders the user's history",
    ),
    "one item": ("item_id,title\nA,Mug\n", "user_id,item_id,timestamp\nu,A,1\n", "items.csv: 1 item; ranking needs"),
    "no interactions": (ITEMS, "user_id,item_id,timestamp\n", "interactions.csv: no interactions"),
    "empty file": (ITEMS, "", "interactions.csv: the file is empty"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_says_where_it_is(mistake: str, tmp_path: Path) -> None:
    items, events, message = MISTAKES[mistake]
    with pytest.raises(DatasetError) as raised:
        load_dataset(write(tmp_path, items, events))
    assert message in str(raised.value)


def test_the_first_of_many_errors_says_how_to_see_the_others(tmp_path: Path) -> None:
    folder = write(tmp_path, ITEMS, EVENTS + "v,Y,6\nv,Z,7\n")
    with pytest.raises(DatasetError, match=r"'Y'.*\(and 1 more: `molar data check .*` lists them\)"):
        load_dataset(folder)
    assert [error.split(":")[0] for error in check(folder).errors] == [
        "interactions.csv row 6",
        "interactions.csv row 7",
    ]


def test_missing_files_and_two_forms_of_one_table(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"neither items\.csv nor items\.parquet"):
        load_dataset(tmp_path)
    folder = write(tmp_path, ITEMS, EVENTS)
    pl.read_csv(folder / "items.csv").write_parquet(folder / "items.parquet")
    with pytest.raises(DatasetError, match=r"both items\.csv and items\.parquet"):
        load_dataset(folder)


def test_a_user_with_two_events_trains_but_is_not_evaluated(tmp_path: Path) -> None:
    folder = write(tmp_path, ITEMS, EVENTS + "v,A,6\n")
    assert check(folder).warnings == [
        "interactions.csv: 1 user has fewer than 3 events; used for training, not for evaluation"
    ]
    split = leave_one_out(load_dataset(folder))
    assert split.train_length.tolist() == [2, 2]


def test_check_reports_shares_and_cold_items(shop: Path) -> None:
    report = check(shop)
    assert report.errors == []
    assert (report.items, report.users, report.with_picture, report.with_description) == (24, 60, 23, 23)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a picture", "not a readable picture"),
        (b"", "not a readable picture"),
        (None, "no such file"),
    ],
)
def test_pictures_that_cannot_be_read(broken_shop: Path, content: bytes | None, message: str) -> None:
    picture = sorted((broken_shop / "images").iterdir())[0]
    picture.unlink()
    if content is not None:
        picture.write_bytes(content)
    (error,) = check(broken_shop).errors
    assert error.startswith("items.csv row ")
    assert message in error


def test_a_cut_off_and_a_huge_picture(broken_shop: Path) -> None:
    first, second, *_ = sorted((broken_shop / "images").iterdir())
    first.write_bytes(first.read_bytes()[:2000])
    # A PNG that claims 30,000 x 30,000 pixels and holds none: it must be refused by its header.
    header = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    second.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\x00\x00\x00\x04IDAT" + bytes(8))
    errors = sorted(check(broken_shop).errors)
    assert any("not a readable picture" in error for error in errors)
    assert any("more than 50 million pixels; scale it down" in error for error in errors)


def test_a_picture_outside_of_the_folder_is_refused(broken_shop: Path) -> None:
    items = (broken_shop / "items.csv").read_text()
    name = next(path.name for path in (broken_shop / "images").iterdir())
    (broken_shop / "items.csv").write_text(items.replace(f"images/{name}", "../../etc/passwd"))
    (error,) = check(broken_shop).errors
    assert "outside of the dataset folder" in error


def test_movielens_is_what_its_papers_count(movielens: Path) -> None:
    dataset = load_dataset(movielens)
    assert (len(dataset.items), len(dataset.user_ids), len(dataset.rows)) == (3416, 6040, 999_611)
    assert len(leave_one_out(dataset).evaluated) == 6040
