"""The table of accuracy: each row a run of its own, compared with the best ID-only one, made once."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from PIL import Image

from molar.app.cli import main
from molar.engine import ModelError
from molar.train.accuracy_benchmark import MODELS, benchmark_accuracy, validation_ndcg
from molar.train.accuracy_config import Choices, read_choices
from molar.train.comparison import read_ranks
from molar.train.config import preset
from molar.train.dataset import Dataset
from molar.train.metrics import popularity_bias, ranking_metrics
from molar.train.run import read_config
from molar.train.slices import user_slices
from molar.train.split import leave_one_out

NAMES = ["popularity", "item-kNN", "SASRec", "FPMC", "Molar"]


def _choices(folder: Path, text: str) -> dict[str, Choices]:
    (folder / "choices.toml").write_text(text)
    return read_choices("tiny", folder / "choices.toml", list(MODELS))


def test_the_table(shop: Path, tmp_path: Path) -> None:
    said: list[str] = []
    choices = _choices(tmp_path, "[train]\nepochs = 1\n[full.changes.FPMC]\nlearning_rate = 0.02\n")

    def table() -> list[dict]:
        said.clear()
        return benchmark_accuracy(shop, tmp_path, choices, NAMES, ["full", "sparse"], 2, "cpu", said.append)["rows"]

    rows = table()
    trained = ["run sasrec", "run fpmc", "run fpmc-1", "run sasrec-1", "run molar", "run molar-1", "ranking item-knn"]
    assert sorted(said) == sorted(trained * 2)
    assert table() == rows
    assert said == []  # nothing is made again
    assert read_config(tmp_path / "full" / "fpmc")[0].learning_rate == 0.02
    assert read_config(tmp_path / "sparse" / "fpmc")[0].learning_rate == 0.01
    found = {(row["model"], row["regime"], row["seen_removed"]): row for row in rows}
    assert len(found) == len(rows) == len(NAMES) * 2 * 2
    candidates = {
        name: [tmp_path / "full" / run for run in runs]
        for name, runs in (("item-kNN", ["item-knn"]), ("SASRec", ["sasrec", "sasrec-1"]), ("FPMC", ["fpmc", "fpmc-1"]))
    }
    best = max(candidates, key=lambda name: np.mean([validation_ndcg(run) for run in candidates[name]]))
    for name in NAMES:
        row = found[name, "full", True]
        ranks = [read_ranks(tmp_path / run, MODELS[name].column)["rank"].to_numpy() for run in row["runs"]]
        assert row["recall@10"] == pytest.approx(np.mean([ranking_metrics(r)["recall@10"] for r in ranks]), abs=1e-6)
        assert len(ranks) == row["seeds"] == (1 if name in ("popularity", "item-kNN") else 2)
        assert 0 < row["coverage@10"] <= 1
        if name == best:
            assert "beside" not in row
        else:
            assert row["beside"] == best
            difference = row["recall@10"] - found[best, "full", True]["recall@10"]
            assert row["recall@10_difference"] == pytest.approx(difference, abs=2e-6)
            assert row["recall@10_low"] <= row["recall@10_difference"] <= row["recall@10_high"]
        lengths = [part["users"] for name, part in row["slices"].items() if name.startswith("history")]
        assert sum(lengths) == 60
    assert found["Molar", "full", True]["recall@10"] != found["Molar", "sparse", True]["recall@10"]


def test_the_command_writes_the_table_and_the_ranks(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "shop.json"
    options = ["--preset", "tiny", "--model", "item-kNN", "--model", "Molar", "--regime", "sparse", "--out", str(out)]
    options += ["--plots", str(tmp_path / "plots")]
    config = tmp_path / "config.toml"
    config.write_text("[train]\nepochs = 1\n")
    arguments = ["bench", "accuracy", str(shop), "--work", str(tmp_path / "work"), "--config", str(config), *options]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for name in ("recall-sparse.png", "learning-sparse.png"):
        with Image.open(tmp_path / "plots" / name) as picture:
            assert len(set(picture.convert("L").resize((40, 30)).tobytes())) > 5  # something is drawn
    rows = json.loads(out.read_text())["rows"]
    assert {row["model"] for row in rows} == {"item-kNN", "Molar"}
    ranks = pl.read_parquet(tmp_path / "results" / "shop-ranks.parquet")
    assert ranks.columns == ["sparse: item-kNN", "sparse: Molar"]
    for row in rows:
        if row["seen_removed"]:
            found = ranking_metrics(ranks[f"sparse: {row['model']}"].to_numpy())
            assert row["ndcg@10"] == pytest.approx(found["ndcg@10"], abs=1e-6)


def test_a_row_that_there_is_not(shop: Path, tmp_path: Path) -> None:
    choices = _choices(tmp_path, "")
    with pytest.raises(ModelError, match="no row 'Polar'; choose of popularity; item-kNN; FPMC"):
        benchmark_accuracy(shop, tmp_path, choices, ["Polar"], ["full"], 1, "cpu", print)
    with pytest.raises(ModelError, match="no row 'thin'; choose of full; sparse"):
        benchmark_accuracy(shop, tmp_path, choices, [], ["thin"], 1, "cpu", print)


def test_what_was_made_of_another_dataset_is_not_taken_over(shop: Path, tmp_path: Path) -> None:
    choices = _choices(tmp_path, "")
    made = benchmark_accuracy(shop, tmp_path / "work", choices, ["item-kNN"], ["full"], 1, "cpu", print)
    assert made["rows"]
    other = tmp_path / "other"
    shutil.copytree(shop, other)
    lines = (other / "interactions.csv").read_text().splitlines()
    (other / "interactions.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(ModelError, match="is of another dataset"):
        benchmark_accuracy(other, tmp_path / "work", choices, ["item-kNN"], ["full"], 1, "cpu", print)


def test_choices_of_a_regime_and_of_a_row(tmp_path: Path) -> None:
    choices = _choices(
        tmp_path,
        """
        [train]
        epochs = 7
        [full]
        models = ["SASRec", "Molar"]
        [sparse.train]
        dropout = 0.4
        [sparse.changes."SASRec, BCE"]
        epochs = 9
        """,
    )
    full, sparse = choices["full"], choices["sparse"]
    assert full.config == preset("tiny", epochs=7)
    assert full.models == ["SASRec", "Molar"]
    assert sparse.config == preset("tiny", epochs=7, dropout=0.4, last_events=10)
    of_row = sparse.of_row("SASRec, BCE", MODELS["SASRec, BCE"].changes)
    assert (of_row.epochs, of_row.loss, of_row.content, of_row.dropout) == (9, "bce", False, 0.4)
    assert full.of_row("SASRec, BCE", {}).epochs == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trian]\n", "unknown table 'trian'; known are train, full, sparse"),
        ("[full]\nmodel = []\n", "unknown key full.model; known are train, changes, models"),
        ("[full]\nmodels = ['Polar']\n", "no row 'Polar'"),
        ("[sparse.changes.Polar]\nepochs = 1\n", "no row 'Polar'"),
        ("[sparse.changes.Molar]\nepoch = 1\n", "unknown setting 'epoch'"),
    ],
)
def test_choices_that_there_are_not(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        _choices(tmp_path, text)


def test_slices_by_hand() -> None:
    # Item 0 holds most of the training events; the targets are the items 0, 1 and 2, and nobody has chosen 2 before.
    rows = [[0] * 30 + [1, 0], [0] * 10 + [1, 1], [1] * 25 + [0, 2]]
    offsets = np.concatenate([[0], np.cumsum([len(line) for line in rows])])
    items = pl.DataFrame({"item_id": ["a", "b", "c"]})
    dataset = Dataset(Path(), items, ["u", "v", "w"], offsets, np.concatenate(rows).astype(np.int32))
    slices = {name: mask.tolist() for name, mask in user_slices(dataset, leave_one_out(dataset)).items()}
    assert slices == {
        "history of 1 to 20": [False, True, False],
        "history of 21 to 50": [True, False, True],
        "history of 51 to 200": [False] * 3,
        "history of more than 200": [False] * 3,
        "popular target": [True, False, False],
        "rare target": [False, False, True],
        "other target": [False, True, False],
        "target that nobody chose": [False, False, True],
    }


def test_popularity_bias_by_hand() -> None:
    counts = np.array([10, 4, 1])
    assert popularity_bias(np.array([[0, 1], [0, 1]]), np.array([1, 2]), counts) == pytest.approx(7 / 2.5)
