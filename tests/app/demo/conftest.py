"""The small bundle as the demo's page shows it."""

from pathlib import Path

import pytest

from molar.app.demo.own_items import OwnItems
from molar.app.demo.shop import Shop
from molar.engine import Recommender


@pytest.fixture
def store(bundle: Path) -> Shop:
    recommender = Recommender.load(bundle, "cpu")
    return Shop(recommender, OwnItems(recommender))
