"""Vectors of a catalogue: what is cached, what is read again, and whether encoders know what they look at."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from molar.engine.images import open_image
from molar.engine.text import item_text
from molar.train.dataset import Dataset, load_dataset
from molar.train.encoders import Encoder, load_encoder
from molar.train.item_embedding import embed_items
from molar.train.item_evaluation import as_read, centred, retrieval, shared_values, vote_accuracy

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    return load_encoder("tiny", 512, CPU)


@pytest.fixture(scope="module")
def towers() -> Encoder:
    return load_encoder("towers", 128, CPU)


def embed(dataset: Dataset, encoder: Encoder, view: str = "both") -> tuple[torch.Tensor, int]:
    """The vectors, and how many had to be computed."""
    computed = 0

    def progress(_: int, total: int) -> None:
        nonlocal computed
        computed = total

    vectors = embed_items(dataset, encoder, CPU, progress, view)
    return vectors, computed


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLAR_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("own_cache")
def test_only_what_changed_is_read_again(broken_shop: Path, tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    first, computed = embed(load_dataset(broken_shop), tiny)
    assert computed == 24
    again, computed = embed(load_dataset(broken_shop), tiny)
    assert computed == 0
    assert torch.equal(first, again)
    monkeypatch.setattr("molar.train.feature_cache._LARGE", 1)  # as of a catalogue whose vectors are kept in a file
    assert torch.equal(embed(load_dataset(broken_shop), tiny)[0], first)

    items = (broken_shop / "items.csv").read_text()
    (broken_shop / "items.csv").write_text(items.replace("Mug", "Cup", 1))
    picture, other, *_ = sorted((broken_shop / "images").iterdir())
    picture.write_bytes(other.read_bytes())
    changed, computed = embed(load_dataset(broken_shop), tiny)
    assert computed == 2
    assert (changed != first).any(dim=1).sum() == 2


@pytest.mark.usefixtures("own_cache")
def test_what_a_stopped_call_has_read_is_kept(shop: Path, tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molar.train.item_embedding._BATCH", 8)

    def stop(done: int, _: int) -> None:
        if done == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_items(load_dataset(shop), tiny, CPU, stop)
    _, computed = embed(load_dataset(shop), tiny)
    assert computed == 8


@pytest.mark.usefixtures("own_cache")
def test_another_version_of_the_encoder_reads_anew(shop: Path, tiny: Encoder) -> None:
    embed(load_dataset(shop), tiny)
    assert embed(load_dataset(shop), Encoder(tiny.backbone, "another"))[1] == 24


def test_views_show_what_they_say(shop: Path, tiny: Encoder) -> None:
    vectors = {view: embed(load_dataset(shop), tiny, view)[0] for view in ("both", "text", "image")}
    state, picture = tiny.backbone.parts
    assert not vectors["text"][:, state:].any()
    assert not vectors["image"][0].any()  # it has no picture, so there is nothing to read
    assert torch.equal(vectors["both"][1:, state:], vectors["image"][1:, state:])
    torch.testing.assert_close(vectors["both"][1:, state:].norm(dim=1), torch.ones(23))
    assert picture == 16


def test_a_batch_gives_what_single_items_give(shop: Path, tiny: Encoder) -> None:
    pictures = [None, *(open_image(path) for path in sorted((shop / "images").iterdir())[:3])]
    texts = ["Blue mug", "", "A much longer text about a lamp and its shade", "Bowl"]
    with torch.inference_mode():
        together = tiny.backbone.embed(tiny.backbone.read(texts, pictures))
        for line, text, picture in zip(together, texts, pictures, strict=True):
            alone = tiny.backbone.embed(tiny.backbone.read([text], [picture]))[0]
            torch.testing.assert_close(line, alone, atol=1e-5, rtol=1e-4)


def test_a_film_is_closer_to_its_sequel_than_to_another(movielens: Path, towers: Encoder) -> None:
    dataset = load_dataset(movielens)
    titles = ["Toy Story", "Toy Story 2", "Schindler's List"]
    rows = {item["title"]: item for item in dataset.items.to_dicts() if item["title"] in titles}
    texts = [
        item_text(item["title"], {name: item[name] for name in dataset.attributes}, item["description"])
        for item in (rows[title] for title in titles)
    ]
    with torch.inference_mode():
        first, sequel, other = towers.backbone.embed(towers.backbone.read(texts, [None] * 3))
    assert first @ sequel > 0.6 > first @ other


def test_photographs_of_one_kind_are_alike(movielens: Path, towers: Encoder) -> None:
    folder = Path(os.environ["MOLAR_DATA"]) / "clothing-photos"
    photos = pl.read_csv(folder / "items.csv").filter(pl.col("category").is_in(["shoes", "dress"]))
    chosen = pl.concat([photos.filter(pl.col("category") == kind).head(12) for kind in ("shoes", "dress")])
    pictures = [open_image(folder / image) for image in chosen["image"]]
    with torch.inference_mode():
        vectors = towers.backbone.embed(towers.backbone.read([""] * len(pictures), pictures))
    similarity = (vectors @ vectors.T).numpy()
    np.fill_diagonal(similarity, -1)
    kinds = chosen["category"].to_numpy()
    assert (kinds[similarity.argmax(axis=1)] == kinds).mean() >= 0.9


def test_measures_of_vectors_by_hand() -> None:
    # Four vectors around (1, 1): around their mean they point to the four sides.
    vectors = torch.tensor([[2.0, 1.0], [1.0, 2.0], [0.0, 1.0], [1.0, 0.0]])
    unit = centred(vectors, [2])
    torch.testing.assert_close(unit, torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]))
    assert retrieval(unit, unit) == {"recall@1": 1.0, "recall@10": 1.0}
    assert retrieval(unit, -unit) == {"recall@1": 0.0, "recall@10": 1.0}

    parts = centred(torch.tensor([[3.0, 0.0], [5.0, 2.0], [4.0, 4.0]]), [1, 1])
    # The second part of the first is missing: it stays zero, and the others are around their own mean of 3.
    torch.testing.assert_close(parts, torch.tensor([[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]]))

    # Of the first part 1 and 3 are known: 2, give or take the root of 2. Of the second nothing is known.
    read = as_read(torch.tensor([[3.0, 4.0], [20.0, 0.0]]), torch.tensor([[1.0, 0.0], [3.0, 0.0]]), [1, 1])
    torch.testing.assert_close(read, torch.tensor([[0.5**0.5, 4.0], [5.0, 0.0]]))  # no feature is further out than 5

    eleven = torch.eye(11)
    values = [{"a"}, {"a", "b"}, *[{"c"}] * 9]
    # All ten others are neighbours: of 110 pairs 2 share "a", half of what either has, and 72 share "c", all of it.
    assert shared_values(eleven, values) == {"any": round(74 / 110, 4), "jaccard": round(73 / 110, 4)}

    labels = np.array(["x", "x", "y", "y"])
    assert vote_accuracy(unit, labels, unit[:1], np.array(["x"]), 1) == 1.0
    assert vote_accuracy(unit, labels, unit[:1], np.array(["y"]), 3) == 0.0  # x and y have a vote each, x is nearer
