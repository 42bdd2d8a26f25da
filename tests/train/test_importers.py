"""Publishers' files as they are published, with what is odd about them, into datasets that can be trained on."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from molar.engine import DatasetError
from molar.train.dataset import Dataset
from molar.train.importers.amazon import read_amazon
from molar.train.importers.dataset_folder import ImportReport, import_source
from molar.train.importers.hm import read_hm
from molar.train.importers.movielens import read_movielens
from molar.train.importers.recbole import read_recbole
from molar.train.importers.selection import Selection
from molar.train.importers.table import read_tables
from molar.train.importers.videos import read_microlens, read_pixelrec

Import = Callable[..., tuple[ImportReport, Dataset]]
Histories = Callable[[Dataset], dict[str, list[str]]]


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 60), "navy").save(path)
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_amazon(tmp_path: Path, imported: Import, zipped: bool, histories_of: Histories) -> None:
    hi_res = {"hi_res": None, "large": "https://m.media-amazon.com/images/I/1.jpg", "thumb": "t", "variant": "MAIN"}
    meta = [
        {
            "main_category": "All Beauty",
            "title": "Hair &amp; Body   Oil",
            "average_rating": 4.5,
            "features": ["Vegan", "Organic<br />"],
            "description": ["<p>Soft &quot;skin&quot;</p>"],
            "price": 9.99,
            "images": [hi_res],
            "videos": [],
            "store": "Howard",
            "categories": ["Beauty", "Oils"],
            "details": {"Brand": "H", "Size": "4 oz"},
            "parent_asin": "B001",
            "bought_together": None,
        },
        {"title": None, "price": "None", "images": [], "categories": [], "parent_asin": "B002", "details": {}},
        {"title": "Twice", "price": "from 7.99", "images": [], "parent_asin": "B001", "main_category": "All Beauty"},
        {"title": "Unloved", "parent_asin": "B003", "images": None, "main_category": "All Beauty"},
    ]
    reviews = [
        {"rating": 5.0, "title": "x", "text": "y", "images": [], "asin": "B001-red", "parent_asin": "B001"}
        | {"user_id": user, "timestamp": time, "helpful_vote": 0, "verified_purchase": True}
        for user, time in (("AE1", 1588687728923), ("AE2", 1588687728000), ("AE1", 1588687728923))
    ]
    reviews += [{**reviews[0], "parent_asin": "B002", "timestamp": 1588687720000}, {**reviews[0], "parent_asin": "B9"}]
    reviews += [{**reviews[0], "timestamp": None}]
    for name, lines in (("meta_All_Beauty.jsonl", meta), ("All_Beauty.jsonl", reviews)):
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        path = tmp_path / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    report, dataset = imported(read_amazon(tmp_path))
    assert dataset.items.to_dicts()[0] == {
        "item_id": "B001",
        "title": "Hair & Body Oil",
        "description": 'Soft "skin" Vegan Organic',
        "image": "",
        "category": "Oils",
        "brand": "Howard",
        "price": "9.99",
    }
    assert dataset.items.to_dicts()[1]["price"] == ""
    assert histories_of(dataset) == {"AE1": ["B002", "B001"], "AE2": ["B001"]}
    assert report.dropped_events == {
        "without a person, an item or a time": 1,
        "of items that the catalogue does not have": 1,
        "that stand there twice": 1,
    }
    assert report.dropped_items == {"that stand there twice": 1, "that nobody is left to choose": 1}
    assert report.addresses == 1
    addresses = pl.read_csv(tmp_path / "out" / "pictures.csv")
    assert addresses.rows() == [("B001", "https://m.media-amazon.com/images/I/1.jpg")]


def test_pixelrec(tmp_path: Path, imported: Import, histories_of: Histories) -> None:
    (tmp_path / "interaction.csv").write_text("item_id,user_id,timestamp\ni2,u1,20\ni1,u1,10\ni1,u2,10\n")
    counts = "view_number,comment_number,thumbup_number,share_number,coin_number,favorite_number,barrage_number"
    (tmp_path / "information.csv").write_text(
        f'\ufeffitem_id,{counts},title,tag,description\ni1,1,2,3,4,5,6,7,猫,animals,"Two\nlines, ""quoted"""\n'
        "i2,1,2,3,4,5,6,7,Dogs,,\n",
        encoding="utf-8",
    )
    picture(tmp_path / "cover" / "i1.jpg")
    source = read_pixelrec(tmp_path / "interaction.csv", tmp_path / "information.csv", tmp_path / "cover")
    report, dataset = imported(source)
    assert dataset.items.select("title", "description", "image", "tag").rows() == [
        ("猫", 'Two lines, "quoted"', "images/i1.jpg", "animals"),
        ("Dogs", "", "", ""),
    ]
    assert histories_of(dataset) == {"u1": ["i1", "i2"], "u2": ["i1"]}
    assert report.pictures == 1


@pytest.mark.parametrize(("name", "header"), [("titles", "item,title\n"), ("title_en", "")])
def test_microlens(tmp_path: Path, imported: Import, name: str, header: str, histories_of: Histories) -> None:
    (tmp_path / "MicroLens-50k_pairs.csv").write_text(
        "user,item,timestamp\n36121,9580,1584541858319\n1,7,1584541858320\n"
    )
    (tmp_path / f"MicroLens-50k_{name}.csv").write_text(f'{header}9580,"Spicy food, spicy life"\n7,Fish\n')
    (tmp_path / "MicroLens-50k_likes_and_views.txt").write_text("9580\t10\t100\n")
    picture(tmp_path / "MicroLens-50k_covers" / "9580.jpg")
    _, dataset = imported(read_microlens(tmp_path))
    assert dataset.items.select("item_id", "title", "image").rows() == [
        ("9580", "Spicy food, spicy life", "images/9580.jpg"),
        ("7", "Fish", ""),
    ]
    assert histories_of(dataset) == {"36121": ["9580"], "1": ["7"]}


def test_hm(tmp_path: Path, imported: Import, histories_of: Histories) -> None:
    (tmp_path / "articles.csv").write_text(
        "article_id,product_code,prod_name,product_type_no,product_type_name,product_group_name,"
        "graphical_appearance_name,colour_group_name,index_name,detail_desc\n"
        "0108775015,0108775,Strap top,253,Vest top,Garment Upper body,Solid,Black,Ladieswear,Jersey top with straps.\n"
        "0108775044,0108775,Strap top,253,Vest top,Garment Upper body,Solid,White,Ladieswear,\n"
    )
    (tmp_path / "transactions_train.csv").write_text(
        "t_dat,customer_id,article_id,price,sales_channel_id\n2018-09-21,000058a1,0108775015,0.05,2\n"
        "2018-09-20,000058a1,0108775044,0.03,2\n2018-09-20,000058a1,0108775015,0.03,2\n"
    )
    picture(tmp_path / "images" / "010" / "0108775015.jpg")
    _, dataset = imported(read_hm(tmp_path))
    assert dataset.items["image"].to_list() == ["images/0108775015.jpg", ""]
    assert dataset.items.select("category", "colour", "department").rows()[1] == ("Vest top", "White", "Ladieswear")
    # The first day first; within a day, the file's order.
    assert histories_of(dataset) == {"000058a1": ["0108775044", "0108775015", "0108775015"]}
    events = pl.read_parquet(tmp_path / "out" / "interactions.parquet")
    assert events["timestamp"].to_list() == [17794 * 86_400, 17794 * 86_400, 17795 * 86_400]


def test_recbole(tmp_path: Path, imported: Import, histories_of: Histories) -> None:
    (tmp_path / "ml.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n196\t302\t3\t881250940\n"
    )
    (tmp_path / "ml.item").write_text(
        'item_id:token\tmovie_title:token_seq\tclass:token_seq\n242\tKolya "the boy\tComedy\n302\tL.A.\tCrime\n'
    )
    _, dataset = imported(read_recbole(tmp_path))
    assert dataset.items.select("title", "class").rows() == [('Kolya "the boy', "Comedy"), ("L.A.", "Crime")]
    assert histories_of(dataset) == {"196": ["302", "242"]}


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet", "jsonl", "csv.gz"])
def test_any_tables(tmp_path: Path, imported: Import, form: str, histories_of: Histories) -> None:
    events = pl.DataFrame(
        {"customer": ["a", "a", "b", ""], "sku": ["10", "9", "10", "9"]}
        | {"ts": ["2026-01-02T10:00:00", "2026-01-01T10:00:00", "not a date", "2026-01-01T10:00:00"]}
    )
    path = tmp_path / f"events.{form}"
    match form:
        case "parquet":
            events.with_columns(pl.col("ts").str.to_datetime(strict=False)).write_parquet(path)
        case "jsonl":
            events.write_ndjson(path)
        case "csv.gz":
            path.write_bytes(gzip.compress(events.write_csv().replace("\n", "\r\n").encode()))
        case _:
            events.write_csv(path, separator="," if form == "csv" else "\t")
    (tmp_path / "articles.csv").write_text("sku,name,image,weight\n9,<b>Lamp</b>,lamp.png,2\n10,Rug,,3\n")
    picture(tmp_path / "lamp.png")
    columns = {"item_id": "sku", "title": "name"}
    source = read_tables(path, "customer", "sku", "ts", tmp_path / "articles.csv", columns)
    report, dataset = imported(source)
    assert dataset.items.select("item_id", "title", "image", "weight").rows() == [
        ("9", "Lamp", "images/9.png", "2"),
        ("10", "Rug", "", "3"),
    ]
    assert histories_of(dataset) == {"a": ["9", "10"]}
    assert report.dropped_events == {"without a person, an item or a time": 2}


def test_events_alone_are_enough(tmp_path: Path, imported: Import) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\n1,x y/../z,5\n1,b,6\n")
    _, dataset = imported(read_tables(tmp_path / "events.csv", "user_id", "item_id", "timestamp"))
    assert dataset.items["title"].to_list() == ["x y/../z", "b"]


def test_the_core_and_the_most_frequent(tmp_path: Path, imported: Import, histories_of: Histories) -> None:
    # a, b and c chose 1 and 2; d chose 1 and 3: without 3 d has one event, and goes, too.
    pairs = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), ("c", "2"), ("c", "1"), ("d", "1"), ("d", "3")]
    lines = [f"{user},{item},{time}" for time, (user, item) in enumerate(pairs)]
    (tmp_path / "events.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines, ""]))
    source = read_tables(tmp_path / "events.csv", "user_id", "item_id", "timestamp")
    report, dataset = imported(source, minimum_events=2, minimum_history=2)
    assert histories_of(dataset) == {"a": ["1", "2"], "b": ["1", "2"], "c": ["2", "1"]}
    assert report.dropped_events == {"of rare items": 1, "of people with few events": 1}
    few = import_source(source, tmp_path / "few", Selection(minimum_events=1, maximum_items=1))
    assert (few.items, few.interactions) == (1, 4)
    with pytest.raises(DatasetError, match=r"no events are left: .* of rare items"):
        import_source(source, tmp_path / "none", Selection(minimum_events=9))
    assert not (tmp_path / "none").exists()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"movies\.dat: no such file; give the folder of GroupLens"):
        read_movielens(tmp_path)
    with pytest.raises(DatasetError, match=r"the file of items is missing; it is called meta_\*\.jsonl or"):
        read_amazon(tmp_path)
    (tmp_path / "articles.csv").write_text("article_id,name\n1,x\n")
    with pytest.raises(DatasetError, match=r"articles\.csv: column prod_name, .* is missing; it has article_id, name"):
        read_hm(tmp_path)
    (tmp_path / "a_pairs.csv").write_text("user,item,timestamp\n")
    (tmp_path / "b_pairs.csv").write_text("user,item,timestamp\n")
    with pytest.raises(DatasetError, match=r"could be a_pairs\.csv, b_pairs\.csv; keep one"):
        read_microlens(tmp_path)
    with pytest.raises(DatasetError, match=r"column sku is missing; it has user, item, timestamp"):
        read_tables(tmp_path / "a_pairs.csv", "user", "sku", "timestamp")
    (tmp_path / "movies.dat").write_text("1::A (2000)::Drama\n")
    (tmp_path / "ratings.dat").write_text("1::1::5::100\n7;3;5;100\n")
    with pytest.raises(DatasetError, match=r"ratings\.dat line 2: not in GroupLens' a::b::c form: '7;3;5;100'"):
        read_movielens(tmp_path)
    for wrong in ({"minimum_history": 0}, {"minimum_events": -1}):
        with pytest.raises(DatasetError, match="it must be at least"):
            Selection(**wrong)
