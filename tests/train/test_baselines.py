"""Baselines go the same way as Molar: trained, evaluated, exported; and what needs no training, by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from molar.engine import ModelError, Recommender
from molar.export.config import ExportConfig
from molar.export.pack import export_run
from molar.train.config import preset
from molar.train.dataset import Dataset
from molar.train.evaluate import evaluate
from molar.train.finetune_config import FinetuneConfig
from molar.train.fit import train
from molar.train.item_finetuning import finetune
from molar.train.item_knn import item_knn_ranks, item_likeness, nearest
from molar.train.regime import only_last_events
from molar.train.split import histories, leave_one_out, targets


def dataset_of(rows: list[list[int]], items: int) -> Dataset:
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in rows])])
    table = pl.DataFrame({"item_id": [str(i) for i in range(items)]})
    return Dataset(Path(), table, [str(u) for u in range(len(rows))], offsets, np.concatenate(rows).astype(np.int32))


@pytest.mark.parametrize(
    ("changes", "name", "modes"),
    [
        ({"content": False}, "SASRec", ("ids",)),
        ({"content": False, "loss": "gbce", "negatives": 8}, "SASRec", ("ids",)),
        ({"content": False, "id_model": "gru4rec"}, "GRU4Rec", ("ids",)),
        ({"content": False, "id_model": "fpmc"}, "FPMC", ("ids",)),
        ({"content": False, "id_model": "bert4rec"}, "BERT4Rec", ("ids",)),
        ({"id_model": "gru4rec"}, "GRU4Rec", ("aligned", "content", "ids")),
        ({"id_model": "fpmc", "last_events": 6}, "FPMC", ("aligned", "content", "ids")),
    ],
)
def test_each_is_trained_evaluated_and_exported(
    changes: dict, name: str, modes: tuple[str, ...], shop: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(shop, run, preset("tiny", epochs=1, **changes), "cpu")
    rows = evaluate(run)["rows"]
    assert {row["model"] for row in rows} >= {"popularity", name}
    assert {row["regime"] for row in rows} == {"sparse" if "last_events" in changes else "full"}
    export_run(run, tmp_path / "bundle", ExportConfig(encoder_precision="fp32"))
    recommender = Recommender.load(tmp_path / "bundle", "cpu")
    assert recommender.modes == modes
    parity = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["parity"]["modes"]
    assert all(facts["largest_score_difference"] < 1e-4 for facts in parity.values())
    assert (recommender.manifest.item_encoder is None) == (modes == ("ids",))
    known = recommender.catalog.items([3, 5])
    assert len(recommender.recommend([item.item_id for item in known], k=5)) == 5


def test_a_run_without_content_resumes_and_reads_no_picture(broken_shop: Path, tmp_path: Path) -> None:
    picture = next((broken_shop / "images").iterdir())
    picture.write_bytes(b"no picture")
    train(broken_shop, tmp_path / "run", preset("tiny", epochs=1, content=False), "cpu")
    assert train(broken_shop, tmp_path / "run", None, "cpu").finished
    with pytest.raises(ModelError, match="exists"):
        train(broken_shop, tmp_path / "run", preset("tiny", epochs=1, content=False), "cpu")


def test_only_the_last_events_are_left() -> None:
    dataset = only_last_events(dataset_of([[0, 1, 2, 3, 4], [5, 4], [3, 2, 1]], items=6), 3)
    assert dataset.rows.tolist() == [2, 3, 4, 5, 4, 3, 2, 1]
    assert dataset.offsets.tolist() == [0, 3, 5, 8]
    split = leave_one_out(dataset)
    assert targets(dataset, split, "test").tolist() == [4, 1]
    assert [history.tolist() for history in histories(dataset, split, "test")] == [[2, 3], [3, 2]]


def test_likeness_by_hand() -> None:
    # The last two events of each person do not train: items 0 and 1 are chosen together twice, 0 and 2 once.
    dataset = dataset_of([[0, 1, 3, 4], [0, 1, 1, 2, 3, 4], [2, 5, 5]], items=6)
    likeness = item_likeness(dataset, leave_one_out(dataset)).toarray()
    assert likeness[0, 1] == pytest.approx(2 / (2 + 10))
    assert likeness[0, 2] == pytest.approx(1 / (np.sqrt(2 * 2) + 10))
    assert likeness[2, 0] == likeness[0, 2]
    assert not likeness.diagonal().any()
    assert not likeness[3:].any()


def test_only_the_nearest_count() -> None:
    dataset = dataset_of([[0, 1, 2, 9, 9], [0, 1, 3, 9, 9], [0, 1, 2, 4, 9, 9]], items=10)
    likeness = item_likeness(dataset, leave_one_out(dataset))
    kept = nearest(likeness, 2).toarray()
    assert set(np.flatnonzero(kept[0])) == {1, 2}
    assert (np.count_nonzero(kept, axis=1) <= 2).all()
    assert likeness.nnz > 8  # the argument is left as it was


def test_item_knn_finds_what_goes_together() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.permutation(6)[:5] + 6 * (user % 2) for user in range(40)]  # two circles of six items
    dataset = dataset_of([list(line) for line in rows], items=12)
    split = leave_one_out(dataset)
    ranks, neighbours, reached = item_knn_ranks(
        dataset, split, histories(dataset, split, "test"), targets(dataset, split, "test")
    )
    assert reached > 0.6
    assert neighbours in (10, 20, 50, 100, 200, 500)
    assert (ranks.removed <= 2).all()  # two of the circle are not in the history
    assert (ranks.top[::2, :2] < 6).all()


def test_an_encoder_that_knows_too_much_is_refused(shop: Path, encoder: Path, tmp_path: Path) -> None:
    for setting, value in (("withheld", 0.2), ("last_events", 6)):
        config = preset("tiny", epochs=1, encoder=str(encoder), **{setting: value})
        with pytest.raises(ModelError, match=f"was fine-tuned with {setting} 0"):
            train(shop, tmp_path / setting, config, "cpu")
        assert not (tmp_path / setting).exists()
        for other in ("start", "teacher"):
            goes_on = FinetuneConfig("tiny", text_tokens=48, **{setting: value, other: str(encoder)})
            with pytest.raises(ModelError, match=f"was fine-tuned with {setting} 0"):
                finetune(shop, tmp_path / setting, goes_on, "cpu")
        assert not (tmp_path / setting).exists()
    items_only = FinetuneConfig("tiny", text_tokens=48, examples=16, batch_size=8, history_to_next=0.0)
    same = replace(items_only, history_to_next=1.0, last_events=6)
    for name, of_encoder in (("items-only", items_only), ("same", same)):
        finetune(shop, tmp_path / name, of_encoder, "cpu")
        config = preset("tiny", epochs=1, encoder=str(tmp_path / name), last_events=6)
        assert train(shop, tmp_path / f"{name}-run", config, "cpu").finished
