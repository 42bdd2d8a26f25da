"""Which items are like one, by what they look like, what is said of them, and who chose them."""

from pathlib import Path

import numpy as np
import pytest

from molar.engine import Recommender, RequestError
from molar.engine.similar import nearest


@pytest.fixture
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle, "cpu")


def test_cosines_are_those_of_numpy_whatever_the_type() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(200, 8)).astype(np.float16)
    mean = table.astype(np.float32).mean(axis=0)
    rows, cosines = nearest(table[3], table, mean, 10, [3, 4])
    centred = table.astype(np.float64) - mean
    expected = centred @ centred[3] / (np.linalg.norm(centred, axis=1) * np.linalg.norm(centred[3]))
    expected[[3, 4]] = -np.inf
    assert rows.tolist() == np.argsort(-expected)[:10].tolist()
    assert cosines == pytest.approx(expected[rows], abs=1e-3)


def test_nothing_is_like_what_nothing_is_known_of() -> None:
    table = np.ones((5, 4), np.float32)
    assert len(nearest(np.zeros(4), table, 0.0, 3, [])[0]) == 0
    assert len(nearest(table[0], table, 0.0, 3, range(5))[0]) == 0


def test_each_source_has_neighbours_of_its_own(recommender: Recommender) -> None:
    item_id = recommender.catalog.item_ids[5]
    found = recommender.similar(item_id, 6)
    assert set(found) == {"picture", "text", "people"}
    for near in found.values():
        assert len(near) == 6
        assert item_id not in [each.item_id for each in near]
        assert [each.score for each in near] == sorted((each.score for each in near), reverse=True)
        assert [recommender.catalog.item_ids[each.row] for each in near] == [each.item_id for each in near]
    assert len({tuple(each.item_id for each in near) for near in found.values()}) == 3


def test_hidden_items_are_not_shown(recommender: Recommender) -> None:
    item_id = recommender.catalog.item_ids[5]
    first = recommender.similar(item_id, 1)["picture"][0].item_id
    recommender.hide_items([first])
    assert first not in [each.item_id for each in recommender.similar(item_id, 20)["picture"]]


def test_an_added_item_is_compared_by_what_it_has(recommender: Recommender) -> None:
    recommender.add_item("mine", "Blue stoneware mug")
    found = recommender.similar("mine", 3)
    assert set(found) == {"picture", "text"}  # nobody has chosen it
    assert len(found["text"]) == 3
    with pytest.raises(RequestError, match="not in the catalogue"):
        recommender.similar("nothing")
