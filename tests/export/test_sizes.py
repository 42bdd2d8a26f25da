"""Catalogues of one item and of just under and over a block of rows, in every precision."""

from pathlib import Path

import numpy as np
import pytest

from molar.engine import Recommender
from molar.engine.catalog_item import Allowed
from molar.export.random_bundle import random_bundle


@pytest.fixture(scope="module", params=[1, 2, 63, 64, 65, 200])
def sized(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "sized"
    random_bundle(folder, request.param, 32, 10, ("fp32", "fp16", "int8"))
    return folder


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_size_ranks_as_numpy(sized: Path, precision: str) -> None:
    recommender = Recommender.load(sized, "cpu", precision)
    items = recommender.manifest.items
    table = recommender.vectors()
    rng = np.random.default_rng(0)
    close = {"fp32": 1e-4, "fp16": 2e-2, "int8": 1e-4}[precision]
    for k in (1, 10, 1000):
        histories = [rng.integers(0, items, length).tolist() for length in (1, 3, 10, 25)]
        for exclude_seen in (True, False):
            for ranked, history in zip(
                recommender.rank(histories, k, exclude_seen=exclude_seen), histories, strict=True
            ):
                scores = table @ ranked.query
                possible = np.ones(items, bool)
                possible[history if exclude_seen else []] = False
                assert len(ranked.rows) == min(k, possible.sum())
                assert possible[ranked.rows].all()
                np.testing.assert_allclose(ranked.scores, scores[ranked.rows], atol=close)
                np.testing.assert_allclose(ranked.scores, -np.sort(-scores[possible])[: len(ranked.rows)], atol=close)


def test_nothing_allowed_is_an_empty_list(sized: Path) -> None:
    for precision in ("fp32", "fp16", "int8"):
        recommender = Recommender.load(sized, "cpu", precision)
        [ranked] = recommender.rank([[0]], 5, Allowed(np.zeros(recommender.manifest.items, bool)))
        assert ranked.rows.tolist() == []
        recommender.add_vectors("mine", {"aligned": np.ones(32, np.float32)})
        [ranked] = recommender.rank(
            [[0]], 5, Allowed(np.zeros(recommender.manifest.items, bool), frozenset([recommender.manifest.items]))
        )
        assert ranked.rows.tolist() == [recommender.manifest.items]
