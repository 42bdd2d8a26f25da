"""The simulated shoppers: what they do follows from the likings that the page of the simulation states."""

import numpy as np
import pytest

from molar.assets.studio.products import Product, make_products
from molar.assets.studio.shoppers import Simulation, color_family, simulate


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return make_products(0)


@pytest.fixture(scope="module")
def simulation(products: list[Product]) -> Simulation:
    return simulate(products, 3000, 0)


def test_histories_are_of_the_stated_lengths_without_repeats(simulation: Simulation) -> None:
    assert len(simulation.histories) == 3000
    lengths = {len(history) for history in simulation.histories}
    assert lengths == set(range(6, 25))
    assert all(len(set(history.tolist())) == len(history) for history in simulation.histories)


def test_the_same_seed_gives_the_same_people(products: list[Product]) -> None:
    first, again, other = (simulate(products, 50, seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first.histories, again.histories, strict=True))
    assert np.array_equal(first.oracle, again.oracle)
    assert not all(np.array_equal(a, b) for a, b in zip(first.histories, other.histories, strict=True))


def test_people_stay_with_a_style_and_a_room(products: list[Product], simulation: Simulation) -> None:
    style = np.array([product.style for product in products])
    room = np.array([product.room for product in products])
    for values, chance in ((style, 1 / 7), (room, 1 / 5)):
        same = np.concatenate([values[history[1:]] == values[history[:-1]] for history in simulation.histories])
        assert same.mean() > 1.5 * chance


def test_hidden_sets_are_browsed_together_and_share_nothing_to_be_seen(
    products: list[Product], simulation: Simulation
) -> None:
    """What most often follows a product is far likelier than its popularity says, and often of another style."""
    count = len(products)
    follows = np.zeros((count, count))
    for history in simulation.histories:
        np.add.at(follows, (history[:-1], history[1:]), 1)
    often = follows.sum(1) > 60
    share = follows[often] / follows[often].sum(1, keepdims=True)
    popularity = follows.sum(0) / follows.sum()
    lift = share / np.maximum(popularity, 1e-6)
    best = lift.argmax(1)
    style = np.array([product.style for product in products])
    assert np.median(lift.max(1)) > 20
    assert (style[np.flatnonzero(often)] == style[best]).mean() < 0.75


def test_the_oracle_foresees_more_than_popularity_and_less_than_all(simulation: Simulation) -> None:
    counts = np.bincount(np.concatenate([history[:-1] for history in simulation.histories]))
    top = set(np.argsort(-counts)[:10].tolist())
    popular = np.mean([int(history[-1]) in top for history in simulation.histories])
    oracle = (simulation.oracle <= 10).mean()
    assert simulation.oracle.min() == 1
    assert 2 * popular < oracle < 0.7


@pytest.mark.parametrize(
    ("color", "family"),
    [("#1b1b1c", 0), ("#efece5", 1), ("#9d4626", 2), ("#4d9a62", 3), ("#3e6a96", 4), ("#8b4a9a", 5)],
)
def test_families_of_colours(color: str, family: int) -> None:
    assert color_family(color) == family
