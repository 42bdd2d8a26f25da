"""`molar data import …` and `molar bench import` as they are typed; what is imported can be trained on."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from molar.app.cli import main
from molar.train.importers.benchmark import GENERATORS


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def test_any_tables_with_their_own_column_names(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("customer,sku,ts\na,9,1\na,10,2\nb,9,1\nb,10,3\nc,9,1\n")
    (tmp_path / "items.csv").write_text("sku,name\n9,Lamp\n10,Rug\n11,Vase\n")
    options = ["--user", "customer", "--item", "sku", "--time", "ts", "--items", tmp_path / "items.csv"]
    options += ["--column", "item_id=sku", "--column", "title=name", "--core", 2, "--out", tmp_path / "out"]
    result = invoke("data", "import", "table", tmp_path / "events.csv", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"wrote {tmp_path / 'out'}: 2 items, 2 users, 4 interactions, 0 pictures",
        "dropped: 1 items that nobody is left to choose",
        "dropped: 1 events of people with few events",
        f"next: molar data check {tmp_path / 'out'}",
    ]
    assert invoke("data", "check", tmp_path / "out").exit_code == 0
    again = invoke("data", "import", "table", tmp_path / "events.csv", *options)
    assert (again.exit_code, "exists already; choose another --out" in again.output) == (2, True)
    options[-1] = tmp_path / "other"
    wrong = invoke("data", "import", "table", tmp_path / "events.csv", *options, "--column", "name=title")
    assert (wrong.exit_code, "--column 'name=title': write NAME=COLUMN" in wrong.output) == (2, True)


PEOPLE, ITEMS, LENGTH = 40, 20, 12


def published(form: str, folder: Path) -> list[object]:
    """Write a file set as its publisher names it; people go from each item to the next.

    Returns:
        The arguments that import it.
    """
    events = [
        (f"u{user}", (user + step) % ITEMS, 1_500_000_000 + step) for user in range(PEOPLE) for step in range(LENGTH)
    ]
    titles = [f"Thing {chr(65 + item)}" for item in range(ITEMS)]

    def write(name: str, lines: list[str]) -> Path:
        (folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return folder / name

    if form == "amazon":
        write("meta_All_Beauty.jsonl", [json.dumps({"parent_asin": f"B{i}", "title": t}) for i, t in enumerate(titles)])
        reviews = ({"user_id": u, "parent_asin": f"B{i}", "timestamp": t * 1000, "rating": 5.0} for u, i, t in events)
        write("All_Beauty.jsonl", [json.dumps(review) for review in reviews])
    elif form == "hm":
        header = "article_id,product_code,prod_name,product_type_name,product_group_name,graphical_appearance_name"
        of_all = "Vest top,Garment Upper body,Solid,Black,Ladieswear,A top."
        header += ",colour_group_name,index_name,detail_desc"
        write("articles.csv", [header, *(f"{i:010},{i},{title},{of_all}" for i, title in enumerate(titles))])
        days = [(f"2018-09-{10 + time - 1_500_000_000}", user, item) for user, item, time in events]
        header = "t_dat,customer_id,article_id,price,sales_channel_id"
        write("transactions_train.csv", [header, *(f"{day},{user},{item:010},0.05,2" for day, user, item in days)])
    elif form == "pixelrec":
        information = ["item_id,title,tag,description", *(f"i{i},{t},tag,words" for i, t in enumerate(titles))]
        lines = ["item_id,user_id,timestamp", *(f"i{item},{user},{time}" for user, item, time in events)]
        return [write("Pixel50K.csv", lines), write("information.csv", information)]
    elif form == "microlens":
        write("MicroLens-50k_titles.csv", ["item,title", *(f"{i},{title}" for i, title in enumerate(titles))])
        lines = ["user,item,timestamp", *(f"{user[1:]},{item},{time}000" for user, item, time in events)]
        write("MicroLens-50k_pairs.csv", lines)
    elif form == "recbole":
        header = "item_id:token\tmovie_title:token_seq"
        write("ml.item", [header, *(f"{item}\t{title}" for item, title in enumerate(titles))])
        header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
        write("ml.inter", [header, *(f"{user}\t{item}\t3\t{time}" for user, item, time in events)])
    elif form == "movielens":
        write("movies.dat", [f"{item}::{title} (1999)::Drama" for item, title in enumerate(titles)])
        write("ratings.dat", [f"{user[1:]}::{item}::4::{time}" for user, item, time in events])
    else:
        items = write("articles.csv", ["sku,name", *(f"{item},{title}" for item, title in enumerate(titles))])
        lines = ["customer,sku,ts", *(f"{user},{item},{time}" for user, item, time in events)]
        options = ["--user", "customer", "--item", "sku", "--time", "ts", "--items", items]
        return [write("events.csv", lines), *options, "--column", "item_id=sku", "--column", "title=name"]
    return [folder]


@pytest.mark.parametrize("form", ["amazon", "hm", "pixelrec", "microlens", "recbole", "movielens", "table"])
def test_what_is_imported_can_be_learned_from(tmp_path: Path, form: str) -> None:
    source, data, run = (tmp_path / name for name in ("source", "data", "run"))
    source.mkdir()
    result = invoke("data", "import", form, *published(form, source), "--out", data, "--core", 3)
    assert result.exit_code == 0, result.output
    assert f"{ITEMS} items, {PEOPLE} users, {PEOPLE * LENGTH} interactions" in result.output
    assert invoke("data", "check", data).exit_code == 0
    result = invoke("train", data, "--out", run, "--preset", "tiny", "--epochs", 8, "--device", "cpu")
    assert result.exit_code == 0, result.output
    losses = [json.loads(line)["content"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("form", ["amazon", "hm"])
def test_what_is_generated_is_as_it_is_published(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    GENERATORS[form](source, 600, 30, np.random.default_rng(0))
    result = invoke("data", "import", form, source, "--out", tmp_path / "data", "--core", 3)
    assert result.exit_code == 0, result.output
    assert ("molar data download" in result.output) == (form == "amazon")
    assert invoke("data", "check", tmp_path / "data").exit_code == 0


def test_seconds_and_memory_of_an_import() -> None:
    found = json.loads(invoke("bench", "import", "--form", "hm", "--events", 3000, "--items", 50).stdout)
    assert found["events"] == 3000
    assert 2000 < found["kept_events"] < 3000
    assert found["seconds"] > 0
    assert 20 < found["peak_mb"] < 2000


def test_a_dataset_without_addresses_has_nothing_to_download(tmp_path: Path) -> None:
    result = invoke("data", "download", tmp_path)
    assert (result.exit_code, "has no pictures.csv" in result.output) == (2, True)
    result = invoke("data", "download", tmp_path, "--per-second", 0)
    assert (result.exit_code, "must be more than 0" in result.output) == (2, True)
