"""The table of accuracy: each row a run of its own, compared with the best ID-only one, made once."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from molar.app.cli import main
from molar.engine import ModelError
from molar.train.accuracy_benchmark import MODELS, _usual, benchmark_accuracy
from molar.train.accuracy_config import Published
from molar.train.accuracy_table import markdown, table_of
from molar.train.measured_runs import MeasuredRun, read_measured, write_measured
from molar.train.metrics import ranking_metrics
from molar.train.run import read_config

NAMES = ["popularity", "item-kNN", "SASRec", "FPMC", "Molar", "Molar, without alignment"]


def test_the_table(shop: Path, tmp_path: Path, choices_of: Callable) -> None:
    said: list[str] = []
    choices = choices_of("[train]\nepochs = 1\n[full.changes.FPMC]\nlearning_rate = 0.02\n")
    regimes = ["full", "sparse"]

    def table() -> tuple[list[dict], list[MeasuredRun]]:
        said.clear()
        made, runs = benchmark_accuracy(shop, tmp_path, choices, NAMES, regimes, 2, "cpu", said.append)
        return made["rows"], runs

    rows, runs = table()
    trained = ["run sasrec", "run sasrec-1", "run fpmc", "run fpmc-1", "run molar", "run molar-1"]
    trained += ["run molar-without-alignment", "run molar-without-alignment-1"]
    trained += ["run sasrec-gated", "run sasrec-gated-1"]  # no row here, but what Molar is aligned with
    assert sorted(said) == sorted([*trained, "ranking popularity", "ranking item-knn"] * 2)
    assert table()[0] == rows
    assert said == []  # nothing is made again
    assert read_config(tmp_path / "full" / "fpmc")[0].learning_rate == 0.02
    assert read_config(tmp_path / "sparse" / "fpmc")[0].learning_rate == 0.01
    found = {(row["model"], row["regime"], row["seen_removed"]): row for row in rows}
    assert len(found) == len(rows) == len(NAMES) * 2 * 2
    of_full = {name: [run for run in runs if run.key[:2] == ("full", name)] for name in NAMES}
    reached = {
        name: np.mean([run.validation.max() for run in of_full[name]])
        for name in ("popularity", "item-kNN", "SASRec", "FPMC")
    }
    best = max(reached, key=lambda name: reached[name])
    for name in NAMES:
        row = found[name, "full", True]
        of_seeds = [ranking_metrics(run.removed)["recall@10"] for run in of_full[name]]
        assert row["recall@10"] == pytest.approx(np.mean(of_seeds), abs=1e-6)
        assert len(of_seeds) == row["seeds"] == (1 if name in ("popularity", "item-kNN") else 2)
        assert 0 < row["coverage@10"] <= 1
        if name == best:
            assert "beside" not in row
        else:
            assert row["beside"] == ("Molar" if name == "Molar, without alignment" else best)
            difference = row["recall@10"] - found[row["beside"], "full", True]["recall@10"]
            assert row["recall@10_difference"] == pytest.approx(difference, abs=2e-6)
            assert row["recall@10_low"] <= row["recall@10_difference"] <= row["recall@10_high"]
        lengths = [part["users"] for name, part in row["slices"].items() if name.startswith("history")]
        assert sum(lengths) == 60
    assert found["Molar", "full", True]["recall@10"] != found["Molar", "sparse", True]["recall@10"]


def test_molar_takes_over_the_id_model_of_another_row(shop: Path, tmp_path: Path, choices_of: Callable) -> None:
    said: list[str] = []
    choices = choices_of("[train]\nepochs = 1\n[full.changes.SASRec]\ndropout = 0.3\n")
    names = ["Molar", "Molar, plain blocks"]
    benchmark_accuracy(shop, tmp_path, choices, names, ["full"], 2, "cpu", said.append)
    # The ID model of the second is no row: SASRec of plain blocks has another dropout here.
    gated, plain = ["run sasrec-gated", "run molar"], ["run molar-plain-blocks", "run molar-plain-blocks-1"]
    assert said == [*gated, *(f"{line}-1" for line in gated), *plain]
    row, inside = (
        (tmp_path / "full" / name / "model.safetensors").read_bytes() for name in ("sasrec-gated", "molar/ids")
    )
    assert row == inside
    assert read_config(tmp_path / "full" / "molar-plain-blocks" / "ids")[0].id_blocks == "plain"


def test_an_id_model_that_trains_longer_in_its_own_row_is_taken_over(
    shop: Path, tmp_path: Path, choices_of: Callable
) -> None:
    said: list[str] = []
    choices = choices_of("[train]\nepochs = 1\n[full.changes.GRU4Rec]\nepochs = 2\nlearning_rate = 0.02\n")
    benchmark_accuracy(
        shop, tmp_path, choices, ["Molar, with GRU4Rec", "Molar, with FPMC"], ["full"], 1, "cpu", said.append
    )
    assert said == ["run gru4rec", "run molar-with-gru4rec", "run fpmc", "run molar-with-fpmc"]
    found, _ = read_config(tmp_path / "full" / "molar-with-gru4rec" / "ids")
    assert (found.epochs, found.learning_rate) == (2, 0.02)
    assert read_config(tmp_path / "full" / "molar-with-gru4rec")[0].epochs == 1


def test_variants_of_fewer_epochs_are_compared_with_a_molar_of_as_many(
    shop: Path, tmp_path: Path, choices_of: Callable
) -> None:
    choices = choices_of("[train]\nepochs = 1\n[full.changes.Molar]\nepochs = 2\n")
    names = ["SASRec, gated", "Molar", "Molar, fewer epochs", "Molar, without alignment"]
    said: list[str] = []
    table, _ = benchmark_accuracy(shop, tmp_path, choices, names, ["full"], 1, "cpu", said.append)
    assert said == ["run sasrec-gated", "run molar", "run molar-fewer-epochs", "run molar-without-alignment"]
    beside = {row["model"]: row.get("beside") for row in table["rows"]}
    gated = "SASRec, gated"
    assert beside == {gated: None, names[1]: gated, names[2]: gated, names[3]: names[2]}
    assert read_config(tmp_path / "full" / "molar")[0].epochs == 2
    assert read_config(tmp_path / "full" / "molar-fewer-epochs")[0].epochs == 1


def test_no_row_is_made_twice(choices_of: Callable) -> None:
    """Unless a file says so, Molar has no more epochs than its variants."""
    as_many = choices_of("[full.changes.Molar]\nepochs = 2\n")
    assert set(MODELS) - set(_usual(as_many["sparse"])) == {"Molar, fewer epochs"}
    assert _usual(as_many["full"]) == list(MODELS)


def test_a_run_is_measured_as_it_was_evaluated(shop: Path, tmp_path: Path, choices_of: Callable) -> None:
    choices = choices_of("[train]\nepochs = 2\n")
    _, (run,) = benchmark_accuracy(shop, tmp_path, choices, ["Molar"], ["full"], 1, "cpu", print)
    folder = tmp_path / "full" / "molar"
    evaluation = json.loads((folder / "evaluation.json").read_text())
    row = next(row for row in evaluation["rows"] if row["model"] == "Molar" and row["seen_removed"])
    assert (run.coverage, run.popularity_bias) == (row["coverage@10"], row["popularity_bias@10"])
    assert (run.machine, run.training_seconds) == (evaluation["machine"], evaluation["training_seconds"])
    assert run.encoder == read_config(folder)[1].encoder_version
    assert run.made_with() == evaluation["config"]
    ranks = pl.read_parquet(folder / "ranks.parquet").sort("user_id")
    assert run.removed.tolist() == ranks["molar_removed"].to_list()
    assert run.kept.tolist() == ranks["molar_kept"].to_list()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert run.validation.tolist() == pytest.approx([line["aligned_ndcg@10"] for line in lines])


def test_runs_of_an_earlier_table_stay_unless_they_would_be_made_another_way(
    shop: Path, tmp_path: Path, choices_of: Callable
) -> None:
    said: list[str] = []

    def table(work: str, models: list[str], text: str, earlier: Path) -> tuple[dict, list[MeasuredRun]]:
        said.clear()
        choices = choices_of(text)
        known = read_measured(earlier)
        return benchmark_accuracy(shop, tmp_path / work, choices, models, ["full"], 1, "cpu", said.append, known)

    out = tmp_path / "ranks.parquet"
    one_epoch = "[train]\nepochs = 1\n"
    first, runs = table("one", ["item-kNN", "SASRec", "FPMC"], one_epoch, out)
    write_measured(runs, out)
    again, runs = table("two", ["SASRec"], one_epoch, out)  # another work folder: nothing of it is there
    assert said == []
    assert again["rows"] == first["rows"]
    changed, runs = table("two", ["SASRec"], one_epoch + "[full.changes.SASRec]\ndropout = 0.3\n", out)
    assert said == ["run sasrec"]
    assert [run.model for run in runs] == ["item-kNN", "FPMC", "SASRec"]
    assert changed["rows"] != first["rows"]
    _, runs = table("three", ["item-kNN"], "[train]\nepochs = 2\n", out)
    assert said == []
    assert [run.model for run in runs] == ["item-kNN"]
    write_measured([replace(run, dataset="of another") for run in runs], out)
    table("three", ["item-kNN"], one_epoch, out)
    assert said == ["ranking item-knn"]


def test_a_file_of_other_ranks_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"full: Molar": [1, 2]}).write_parquet(tmp_path / "ranks.parquet")
    with pytest.raises(ModelError, match="not a table's runs"):
        read_measured(tmp_path / "ranks.parquet")


def test_the_command_writes_the_table_and_the_ranks(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "shop.json"
    options = ["--preset", "tiny", "--model", "item-kNN", "--model", "Molar", "--regime", "sparse", "--out", str(out)]
    options += ["--plots", str(tmp_path / "plots")]
    config = tmp_path / "config.toml"
    config.write_text("[train]\nepochs = 2\n")
    arguments = ["bench", "accuracy", str(shop), "--work", str(tmp_path / "work"), "--config", str(config), *options]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for name in ("recall-sparse.png", "learning-sparse.png"):
        with Image.open(tmp_path / "plots" / name) as picture:
            assert len(set(picture.convert("L").resize((40, 30)).tobytes())) > 5  # something is drawn
    rows = json.loads(out.read_text())["rows"]
    assert {row["model"] for row in rows} == {"item-kNN", "Molar"}
    ranks = pl.read_parquet(tmp_path / "results" / "shop-ranks.parquet")
    assert "user_id" not in ranks.columns
    written = (tmp_path / "results" / "shop.md").read_text()
    assert f"| Molar | 1 | {rows[2]['recall@10']:.4f} | {rows[2]['ndcg@10']:.4f} |" in written
    for row in rows:
        (line,) = ranks.filter(model=row["model"], regime="sparse").to_dicts()
        found = ranking_metrics(np.array(line["removed" if row["seen_removed"] else "kept"]))
        assert row["ndcg@10"] == pytest.approx(found["ndcg@10"], abs=1e-6)


def test_a_table_by_hand() -> None:
    def run(model: str, removed: list[int], kept: list[int], reached: float) -> list[MeasuredRun]:
        ndcg, ranks, ranks_kept = np.array([0.0, reached]), np.array(removed), np.array(kept)
        return [MeasuredRun(model, "full", 0, "", "{}", "", "a machine", 1, 0.5, 1.0, ndcg, ranks, ranks_kept)]

    made = {
        "FPMC": run("FPMC", [1, 99, 99, 99], [1, 99, 99, 99], 0.2),
        "SASRec, gated": run("SASRec, gated", [1, 1, 99, 99], [1, 99, 99, 99], 0.3),
        "Molar": run("Molar", [1, 1, 1, 99], [1, 1, 99, 99], 0.1),
        "Molar, text only": run("Molar, text only", [1, 99, 99, 99], [1, 99, 99, 99], 0.9),
    }
    rows = table_of(made, ["FPMC", "SASRec, gated"], {"some": np.array([True, True, False, False])})
    found = {row["model"]: row for row in rows if row["seen_removed"]}
    assert {name: row.get("beside") for name, row in found.items()} == {
        "FPMC": "SASRec, gated",
        "SASRec, gated": None,
        "Molar": "SASRec, gated",
        "Molar, text only": "Molar",
    }
    assert (found["Molar"]["gain"], found["Molar, text only"]["gain"]) == (0.5, -0.6667)
    figures = [Published("PinnerFormer", "a paper", "Molar", 0.3, None, False), Published("Other", "", "BERT4Rec", 0.4)]
    table = {"rows": rows, "published": {"full": [asdict(entry) for entry in figures], "sparse": []}}
    written = markdown(table, "full").splitlines()
    assert written[0] == "## Full histories"
    assert written[5] == "| SASRec, gated | 1 | 0.5000 | 0.5000 | 0.2500 | 0.5000 | 1.00 |  |  |"
    assert written[6].startswith("| Molar | 1 | 0.7500 | 0.7500 | 0.5000 | 0.5000 | 1.00 | SASRec, gated | +0.2500 [")
    assert written[-9:] == [
        "| | people | FPMC | SASRec, gated | Molar |",
        "|---|---|---|---|---|",
        "| some | 2 | 0.5000 | 1.0000 | 1.0000 |",
        "",
        "What others report, beside our row that is closest. Data are the same if events, split and ranking are.",
        "",
        "| published as | in | data | Recall@10 | NDCG@10 | ours | Recall@10 | NDCG@10 |",
        "|---|---|---|---|---|---|---|---|",
        "| PinnerFormer | a paper | close | 0.3000 |  | Molar | 0.7500 | 0.7500 |",
    ]
    assert markdown(table, "sparse") == ""
    alone = {**table, "rows": [row for row in rows if row["model"] == "Molar, text only"]}
    assert "| Molar, text only | 1 |" in markdown(alone, "full")


def test_a_row_that_there_is_not(shop: Path, tmp_path: Path, choices_of: Callable) -> None:
    choices = choices_of("")
    with pytest.raises(ModelError, match="no row 'Polar'; choose of popularity; item-kNN; FPMC"):
        benchmark_accuracy(shop, tmp_path, choices, ["Polar"], ["full"], 1, "cpu", print)
    with pytest.raises(ModelError, match="no row 'thin'; choose of full; sparse"):
        benchmark_accuracy(shop, tmp_path, choices, [], ["thin"], 1, "cpu", print)


def test_what_was_made_of_another_dataset_is_not_taken_over(shop: Path, tmp_path: Path, choices_of: Callable) -> None:
    choices = choices_of("")
    made, _ = benchmark_accuracy(shop, tmp_path / "work", choices, ["item-kNN"], ["full"], 1, "cpu", print)
    assert made["rows"]
    other = tmp_path / "other"
    shutil.copytree(shop, other)
    lines = (other / "interactions.csv").read_text().splitlines()
    (other / "interactions.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(ModelError, match="is of another dataset"):
        benchmark_accuracy(other, tmp_path / "work", choices, ["item-kNN"], ["full"], 1, "cpu", print)


def test_runs_that_are_made_side_by_side_are_the_same(shop: Path, tmp_path: Path, choices_of: Callable) -> None:
    said: list[str] = []
    choices, names = choices_of("[train]\nepochs = 1\n"), ["item-kNN", "FPMC", "Molar"]

    def table(work: str, jobs: int) -> list[dict]:
        made, _ = benchmark_accuracy(shop, tmp_path / work, choices, names, ["full"], 1, "cpu", said.append, (), jobs)
        return made["rows"]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of several threads are rounded in another way
    try:
        one_by_one = table("one", 1)
    finally:
        torch.set_num_threads(threads)
    assert table("many", max(2, os.cpu_count() or 1)) == one_by_one
    order = [line for line in said if line.startswith(("begun", "done"))]
    molar, gated = (str(("full", name, 0)) for name in ("Molar", "SASRec, gated"))
    assert order.index(f"done: {gated}") < order.index(f"begun: {molar}")  # its ID model comes first
    assert "epoch" in (tmp_path / "many" / "full" / "molar.log").read_text()
