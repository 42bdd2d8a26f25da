"""Runs: what training leaves, resuming to the same result, being killed, and what is said when something is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from molar.engine import DatasetError, ModelError
from molar.train.config import preset
from molar.train.evaluate import evaluate
from molar.train.fit import train
from molar.train.metrics import ranking_metrics
from molar.train.model_files import read_tensors
from molar.train.run import Progress, load_run

EPOCHS = 4


@pytest.fixture(scope="module")
def uninterrupted(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four epochs that was never stopped."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    train(shop, folder, preset("tiny", epochs=EPOCHS), "cpu")
    return folder


def losses(run: Path) -> list[dict]:
    """metrics.jsonl without the seconds."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.endswith("_seconds")} for line in lines]


def test_a_run_holds_what_the_readme_says(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert {"config.toml", "model.safetensors", "item_vectors.safetensors", "metrics.jsonl", "checkpoints"} <= names
    assert {"evaluation.json", "ranks.parquet", "tensorboard"} <= names
    assert not [name for name in names if name.endswith(".partial")]
    assert len(losses(run)) == 3
    model, vectors = load_run(run)
    assert vectors.fused.shape == (24, 16)
    torch.testing.assert_close(
        vectors.fused, vectors.content + model.gate * vectors.ids + model.own_ids * model.touched
    )


def test_training_again_gives_the_same(shop: Path, uninterrupted: Path, tmp_path: Path) -> None:
    train(shop, tmp_path / "run", preset("tiny", epochs=EPOCHS), "cpu")
    assert losses(tmp_path / "run") == losses(uninterrupted)


def test_killing_it_thrice_and_resuming_gives_the_same(shop: Path, uninterrupted: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "molar.app", "train", str(shop), "--out", str(run), "--device", "cpu"]
    for part, epochs_done in (("ids", 2), (".", 1), (".", 3)):
        more = ["--resume"] if run.exists() else ["--preset", "tiny", "--epochs", str(EPOCHS)]
        process = subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = run / part / "checkpoints" / f"epoch-{epochs_done:04d}"
        wait_for(wanted.exists, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finished = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert losses(run) == losses(uninterrupted)
    for name in ("model.safetensors", "item_vectors.safetensors"):
        assert (run / name).read_bytes() == (uninterrupted / name).read_bytes()


@pytest.mark.parametrize(
    ("events", "more"),
    [(256, []), (24, []), (256, ["--item-tables", "rows", "--negatives", "8"])],
    ids=["", "batches of fewer windows than processes", "rows"],
)
def test_several_processes_give_what_one_gives(shop: Path, tmp_path: Path, events: int, more: list[str]) -> None:
    options = ["--preset", "tiny", "--epochs", "2", "--dropout", "0", "--no-bfloat16", "--batch-events", str(events)]
    options += more
    common = ["-m", "molar.app", "train", str(shop), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    # One of two processes is killed after an epoch, which ends the other, and three go on.
    for name, counts in (("one", [1]), ("others", [2, 3] if events == 256 else [2])):
        run = tmp_path / name
        for count in counts:
            torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
            command = [sys.executable, *(torchrun if count > 1 else []), *common, "--out", str(run)]
            command += ["--resume"] if run.exists() else options
            log = tmp_path / "log"
            with log.open("w") as file:
                process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
            if count != counts[-1]:
                wait_for((run / "ids" / "checkpoints" / "epoch-0001").exists, process)
                workers = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
                os.kill(int(workers.stdout.split()[-1]), signal.SIGKILL)
                assert process.wait() != 0
            else:
                assert process.wait() == 0, log.read_text()
    for part, learned in (("ids", ["loss"]), (".", ["loss", "content", "alignment", "gate"])):
        one, two = (losses(tmp_path / name / part) for name in ("one", "others"))
        for of_one, of_two in zip(one, two, strict=True):
            for name in learned:
                assert of_two[name] == pytest.approx(of_one[name], rel=1e-4)
    of_one, of_two = (read_tensors(tmp_path / name / "item_vectors.safetensors")[0] for name in ("one", "others"))
    for name, tensor in of_one.items():
        torch.testing.assert_close(of_two[name], tensor, rtol=1e-2, atol=1e-3)


def test_the_id_model_comes_first_and_stays_as_it_is(shop: Path, uninterrupted: Path, tmp_path: Path) -> None:
    train(shop, tmp_path / "ids", preset("tiny", epochs=EPOCHS, content=False), "cpu")
    first, _ = read_tensors(tmp_path / "ids" / "model.safetensors")
    inside, _ = read_tensors(uninterrupted / "model.safetensors")
    of_ids = [name for name in inside if name.startswith("id_model.")]
    assert len(of_ids) > 5
    for name in of_ids:
        assert torch.equal(inside[name], first[name]), name
    for run in (tmp_path / "ids", uninterrupted):
        evaluate(run)
    alone, beside = (pl.read_parquet(run / "ranks.parquet") for run in (tmp_path / "ids", uninterrupted))
    assert alone["sasrec_removed"].equals(beside["sasrec_removed"])


def test_an_id_model_that_is_there_already_is_taken_over(shop: Path, uninterrupted: Path, tmp_path: Path) -> None:
    ids, config = tmp_path / "ids", preset("tiny", epochs=EPOCHS)
    train(shop, ids, preset("tiny", epochs=EPOCHS, content=False), "cpu")
    train(shop, tmp_path / "run", config, "cpu", ids)
    assert losses(tmp_path / "run") == losses(uninterrupted)
    assert losses(tmp_path / "run" / "ids") == losses(ids)

    def refused(message: str, changes: dict, run: Path = ids) -> None:
        with pytest.raises(ModelError, match=message):
            train(shop, tmp_path / "refused", replace(config, **changes), "cpu", run)
        assert not (tmp_path / "refused").exists()

    refused("was trained with dim 16, this run with 32", {"dim": 32})
    refused("was trained with id_model sasrec, this run with gru4rec", {"id_model": "gru4rec"})
    refused("was trained with last_events 0, this run with 10", {"last_events": 10})
    refused("only a run with content and IDs can be aligned", {"ids": False})
    refused("is no ID model alone; train one with --no-content", {}, uninterrupted)
    refused("no such run folder$", {}, tmp_path / "none")


def test_patience_waits_as_long_as_one_mode_gains() -> None:
    together, content = [0.5, 0.6, 0.6, 0.4], [0.1, 0.2, 0.3, 0.2]
    lines = [
        {"loss": 1.0, "aligned_ndcg@10": both, "content_ndcg@10": one, "ids_ndcg@10": 0.5}
        for both, one in zip(together, content, strict=True)
    ]
    waited = [Progress(metrics=lines[:epoch]).epochs_without_gain() for epoch in (1, 2, 3, 4)]
    assert waited == [0, 0, 0, 1]


def test_an_average_of_the_weights_is_kept_and_resumed(shop: Path, tmp_path: Path) -> None:
    config = preset("tiny", epochs=EPOCHS, averaging=0.9)
    train(shop, tmp_path / "whole", config, "cpu")
    assert losses(tmp_path / "whole")
    run = tmp_path / "run"
    shutil.copytree(tmp_path / "whole", run)
    shutil.rmtree(run / "checkpoints" / f"epoch-{EPOCHS:04d}")  # as if it had been stopped before
    train(shop, run, None, "cpu")
    for name in ("model.safetensors", "item_vectors.safetensors"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert losses(run) == losses(tmp_path / "whole")
    newest = run / "checkpoints" / f"epoch-{EPOCHS:04d}"
    weights, average = (read_tensors(newest / f"{name}.safetensors")[0] for name in ("model", "averaged"))
    moved = (average["module.gate"] - weights["gate"]).abs()
    assert 0 < moved < 0.1  # close to the weights, and not the same


def test_killing_it_at_any_moment_leaves_a_run_that_resumes(shop: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "molar.app", "train", str(shop), "--out", str(run), "--device", "cpu"]
    ids, first = str(tmp_path / "ids"), ["--preset", "tiny", "--epochs", "500", "--patience", "500"]
    train(shop, tmp_path / "ids", preset("tiny", epochs=1, content=False), "cpu")
    # An epoch takes about 0.1 s here, half of it spent on writing files: these moments fall all over it.
    for delay in (0.0, 0.013, 0.031, 0.057, 0.083):
        more = ["--resume"] if run.exists() else [*first, "--id-run", ids]
        done = newest_epoch(run)
        process = subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda before=done: newest_epoch(run) > before, process)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for file in run.rglob("*.safetensors"):
            if ".partial" not in str(file):
                read_tensors(file)  # raises if it is half written
        for line in (run / "metrics.jsonl").read_text().splitlines() if (run / "metrics.jsonl").exists() else []:
            json.loads(line)
    assert newest_epoch(run) >= 5
    try:
        load_run(run)
    except ModelError as error:
        assert "the run was stopped while it saved; continue it with `molar train --resume`" in str(error)


def newest_epoch(run: Path) -> int:
    """The number of the newest checkpoint, 0 if there is none."""
    return max((int(path.name[-4:]) for path in (run / "checkpoints").glob("epoch-*")), default=0)


def wait_for(condition, process: subprocess.Popen) -> None:  # type: ignore[no-untyped-def, type-arg]
    """Poll until the condition holds; fail if the process ends before."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, f"training ended early: {process.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_ctrl_c_says_how_to_go_on(shop: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "molar.app", "train", str(shop), "--out", str(run), "--device", "cpu"]
    process = subprocess.Popen(
        [*command, "--preset", "tiny", "--epochs", "500", "--patience", "500"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for((run / "ids" / "checkpoints" / "epoch-0001").exists, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"continue with: molar train {shop} --out {run} --resume" in errors
    assert "Traceback" not in errors


def test_resuming_a_finished_run_changes_nothing(shop: Path, uninterrupted: Path) -> None:
    before = (uninterrupted / "model.safetensors").stat().st_mtime_ns
    progress = train(shop, uninterrupted, None, "cpu")
    assert progress.finished
    assert (uninterrupted / "model.safetensors").stat().st_mtime_ns == before


def test_a_run_folder_that_exists_is_not_overwritten(shop: Path, run: Path) -> None:
    with pytest.raises(ModelError, match="exists already; continue it with --resume, or choose another --out"):
        train(shop, run, preset("tiny"), "cpu")


def test_nothing_to_resume(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such run folder; nothing to resume"):
        train(shop, tmp_path / "none", None, "cpu")


def test_another_dataset_is_refused(broken_shop: Path, run: Path) -> None:
    events = broken_shop / "interactions.csv"
    events.write_text("".join(events.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ModelError, match="not the dataset that the run was trained on"):
        evaluate(run, broken_shop)


def test_a_picture_that_cannot_be_read_stops_training_by_name(broken_shop: Path, tmp_path: Path) -> None:
    picture = sorted((broken_shop / "images").iterdir())[0]
    picture.write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match=f"{picture.name}: not a readable picture"):
        train(broken_shop, tmp_path / "run", preset("tiny"), "cpu")


def test_the_ranks_give_the_metrics_of_the_table(run: Path) -> None:
    rows = json.loads((run / "evaluation.json").read_text())["rows"]
    ranks = pl.read_parquet(run / "ranks.parquet")
    assert len(ranks) == 60
    assert {row["model"] for row in rows} == {"popularity", "SASRec", "content only", "Molar"}
    for row in rows:
        column = row["model"].replace(" ", "_").lower() + ("_removed" if row["seen_removed"] else "_kept")
        expected = ranking_metrics(ranks[column].to_numpy())
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_evaluating_a_dataset_without_evaluated_users_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "items.csv").write_text("item_id,title\nA,Mug\nB,Bowl\n")
    (tmp_path / "data" / "interactions.csv").write_text("user_id,item_id,timestamp\nu,A,1\nu,B,2\n")
    train(tmp_path / "data", tmp_path / "run", preset("tiny", epochs=1), "cpu")
    with pytest.raises(DatasetError, match="no user has 3 events"):
        evaluate(tmp_path / "run")


def test_nobody_to_train_on_says_so(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\nA,Mug\nB,Bowl\nC,Vase\n")
    (tmp_path / "interactions.csv").write_text("user_id,item_id,timestamp\nu,A,1\nu,B,2\nu,C,3\n")
    with pytest.raises(DatasetError, match="nobody has 2 events to train on"):
        train(tmp_path, tmp_path / "run", preset("tiny"), "cpu")


def test_a_loss_that_is_no_number_says_what_to_do(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"the loss is nan in epoch \d; lower --learning-rate"):
        train(shop, tmp_path / "run", preset("tiny", learning_rate=1e30), "cpu")
