"""The map, the ready-made visitors and the offline table that a demo shows."""

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from molar.engine.catalog import Catalog
from molar.engine.errors import DatasetError, ModelError
from molar.export.showcase import VISITORS, evaluation_rows, item_places, visitors
from molar.train.dataset import load_dataset


def test_items_that_are_alike_stand_together() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 15)
    table = rng.normal(size=(4, 16))[group] + 0.1 * rng.normal(size=(60, 16))
    places = item_places(table.astype(np.float32), np.ones(60, np.int64))
    assert sorted(places) == list(range(60))
    points = np.array([places[row] for row in range(60)])
    assert points.min(axis=0).tolist() == [0, 0]
    assert points.max(axis=0).tolist() == [1, 1]
    distance = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (group[distance.argmin(axis=1)] == group).mean() > 0.95


def test_a_map_needs_items() -> None:
    assert item_places(np.eye(3, dtype=np.float32), np.ones(3, np.int64)) == {}


def test_the_bundle_has_a_map_and_visitors(bundle: Path) -> None:
    catalog = Catalog(bundle / "catalog.db")
    assert catalog.places.shape == (24, 3)
    assert catalog.places[:, 0].tolist() == list(range(24))
    assert len(catalog.visitors) == 3
    name, rows = next(iter(catalog.visitors.items()))
    value = name.removeprefix("Likes ")
    facet = next(iter(catalog.facets))
    assert all(item.attributes[facet] == [value] for item in catalog.items(rows))


def test_visitors_of_the_dataset(shop: Path, bundle: Path, tmp_path: Path) -> None:
    folder = copytree(shop, tmp_path / "shop")
    ids = load_dataset(folder).items["item_id"].to_list()
    (folder / VISITORS).write_text(f"visitor,item_id\nA first flat,{ids[7]}\nA first flat,{ids[2]}\nTea,{ids[3]}\n")
    found = visitors(load_dataset(folder), bundle / "catalog.db")
    assert found == {"A first flat": [7, 2], "Tea": [3]}
    (folder / VISITORS).write_text("visitor,item_id\nTea,nothing\n")
    with pytest.raises(DatasetError, match=r"visitors.csv: 'Tea' looked at 'nothing'"):
        visitors(load_dataset(folder), bundle / "catalog.db")
    (folder / VISITORS).write_text("visitor\nTea\n")
    with pytest.raises(DatasetError, match="it needs the columns visitor and item_id"):
        visitors(load_dataset(folder), bundle / "catalog.db")


def test_an_evaluation_that_is_damaged(run: Path, tmp_path: Path) -> None:
    folder = copytree(run, tmp_path / "run")
    (folder / "ranks.parquet").unlink()
    with pytest.raises(ModelError, match=r"evaluation\.json: damaged"):
        evaluation_rows(folder)
    (folder / "evaluation.json").unlink()
    assert evaluation_rows(folder) == []
