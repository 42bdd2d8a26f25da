"""What `make showroom` does, on a few products and people."""

import csv
from pathlib import Path

import pytest

from molar.assets.studio.__main__ import evaluation_table, write_dataset
from molar.assets.studio.products import make_held_out, make_products
from molar.assets.studio.shoppers import simulate
from molar.assets.studio.understanding import NEIGHBOURS, VIEWS, new_item_rows
from molar.engine.recommender import Recommender
from molar.train.config import preset
from molar.train.dataset import load_dataset
from molar.train.fit import train


def test_the_shop_becomes_a_dataset_a_run_and_a_table(tmp_path: Path) -> None:
    products = make_products(0)[::31]
    simulation = simulate(products, 40, 0)
    folder = tmp_path / "shop"
    write_dataset(folder, products, simulation)
    dataset = load_dataset(folder)
    assert len(dataset.items) == 24
    with (folder / "items.csv").open() as file:
        first = next(csv.DictReader(file))
    assert first["item_id"] == "mug-01"
    assert (first["category"], first["style"]) == ("Mug", products[0].style)
    assert first["price"] == f"€{products[0].price}"
    ids = dataset.items["item_id"].to_list()
    for user, begin, end in zip(dataset.user_ids, dataset.offsets, dataset.offsets[1:], strict=False):
        browsed = [products[row].item_id for row in simulation.histories[int(user)]]
        assert [ids[row] for row in dataset.rows[begin:end]] == browsed
    train(folder, tmp_path / "run", preset("tiny", epochs=1), "cpu")
    found = evaluation_table(tmp_path / "run", simulation)
    assert found["people"] == 40 and found["people_are"] == "simulated"
    rows = {row["model"]: row for row in found["rows"]}
    assert list(rows)[-2:] == ["Molar", "oracle"]
    assert {"popularity", "content only"} < set(rows)
    assert rows["oracle"]["recall@10"] == pytest.approx((simulation.oracle <= 10).mean(), abs=1e-6)
    assert rows["popularity"]["molar_recall@10_difference"] == pytest.approx(
        rows["Molar"]["recall@10"] - rows["popularity"]["recall@10"], abs=2e-6
    )


def test_new_products_are_compared_with_the_catalogue(bundle: Path) -> None:
    held_out = make_held_out(0)[:3]
    rows = new_item_rows(Recommender.load(bundle, "cpu"), held_out)
    assert [row["view"] for row in rows] == list(VIEWS)
    for row in rows:
        assert (row["products"], row["neighbours"]) == (3, NEIGHBOURS)
        for name in ("kind_leads", "same_kind", "same_style"):
            assert 0 <= row[name] <= 1
    assert len({row["same_style"] for row in rows} | {row["same_kind"] for row in rows}) > 1
