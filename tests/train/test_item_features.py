"""Features from the frozen towers: what is cached, and whether the towers know what they look at."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from molar.engine.images import open_image, square_pixels
from molar.train.backbones.compact import IMAGE_SIZE, CompactTowers
from molar.train.dataset import Dataset, load_dataset
from molar.train.item_features import ItemFeatures, item_features, item_text

CPU = torch.device("cpu")


def features(dataset: Dataset) -> tuple[ItemFeatures, dict[str, int]]:
    """The features, and how many texts and pictures had to be computed."""
    computed: dict[str, int] = {}
    found = item_features(dataset, 32, CPU, lambda what, _, total: computed.update({what: total}))
    return found, computed


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLAR_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("own_cache")
def test_only_what_changed_is_computed_again(broken_shop: Path) -> None:
    first, computed = features(load_dataset(broken_shop))
    assert computed == {"texts": 24, "pictures": 23}
    again, computed = features(load_dataset(broken_shop))
    assert computed == {}
    assert torch.equal(first.text, again.text)
    assert torch.equal(first.image, again.image)

    one, other, *_ = sorted((broken_shop / "images").iterdir())
    one.write_bytes(other.read_bytes())  # a picture that is known under another name
    items = (broken_shop / "items.csv").read_text()
    (broken_shop / "items.csv").write_text(items.replace("Mug", "Cup", 1))
    changed, computed = features(load_dataset(broken_shop))
    assert computed == {"texts": 1}
    assert (changed.text != first.text).any(dim=1).sum() == 1


def test_an_item_without_a_picture_has_zeros(shop: Path) -> None:
    found, _ = features(load_dataset(shop))
    assert not found.image[0].any()
    torch.testing.assert_close(found.image[1:].norm(dim=1), torch.ones(23))


def test_the_text_of_an_item() -> None:
    item = {"title": "Blue mug", "description": "Holds tea.", "color": "blue", "brand": ""}
    assert item_text(item, ["color", "brand"]) == "Blue mug. color: blue. Holds tea."


def test_a_film_is_closer_to_its_sequel_than_to_another(movielens: Path) -> None:
    dataset = load_dataset(movielens)
    titles = ["Toy Story", "Toy Story 2", "Schindler's List"]
    rows = {item["title"]: item for item in dataset.items.to_dicts() if item["title"] in titles}
    towers = CompactTowers(256, CPU)
    first, sequel, other = towers.embed_texts([item_text(rows[title], dataset.attributes) for title in titles])
    assert first @ sequel > 0.6 > first @ other


def test_photographs_of_one_kind_are_alike(movielens: Path) -> None:
    folder = Path(os.environ["MOLAR_DATA"]) / "clothing-photos"
    photos = pl.read_csv(folder / "items.csv").filter(pl.col("category").is_in(["shoes", "dress"]))
    chosen = pl.concat([photos.filter(pl.col("category") == kind).head(12) for kind in ("shoes", "dress")])
    pixels = np.stack([square_pixels(open_image(folder / image), IMAGE_SIZE) for image in chosen["image"]])
    vectors = CompactTowers(32, CPU).embed_pictures(pixels)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    kinds = chosen["category"].to_numpy()
    assert (kinds[similarity.argmax(axis=1)] == kinds).mean() >= 0.9
