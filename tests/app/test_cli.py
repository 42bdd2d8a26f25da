"""The command line: every help text, every example, every error in one line with exit code 2."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from molar.app.cli import main
from molar.app.cli_serve import showroom


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its name, groups left out."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def invoke(*arguments: object) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_help_shows_an_example_of_the_command(path: tuple[str, ...]) -> None:
    code, output = invoke(*path, "--help")
    assert code == 0
    assert re.search(rf"Example:\s+molar {' '.join(path)} \S", output)


def test_help_and_check_need_no_torch() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom molar.app.cli import main\n"
        "assert CliRunner().invoke(main, ['train', '--help']).exit_code == 0\n"
        "assert not {'torch', 'transformers', 'polars', 'gradio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_four_commands_of_the_readme(shop: Path, tmp_path: Path) -> None:
    run, bundle, report = tmp_path / "run", tmp_path / "bundle", tmp_path / "report.json"
    code, output = invoke("data", "check", shop)
    assert (code, "ready to train" in output) == (0, True)
    code, output = invoke("train", shop, "--out", run, "--preset", "tiny", "--epochs", 2, "--device", "cpu")
    assert code == 0, output
    assert "best epoch" in output
    code, output = invoke("evaluate", run, "--report", report)
    assert code == 0, output
    assert "seen items removed (headline)" in output
    assert json.loads(report.read_text())["rows"][0]["model"] == "popularity"
    assert report.with_name("report-ranks.parquet").exists()
    code, output = invoke("export", run, "--out", bundle, "--name", "My shop", "--thumbnail-size", 64)
    assert code == 0, output
    assert "top-10 lists equal torch's on 60 histories" in output
    code, output = invoke("recommend", "mug-01", "--bundle", bundle, "-k", 3, "--json")
    assert code == 0, output
    assert len(json.loads(output)) == 3


def test_recommend_on_the_showroom_prints_titles() -> None:
    code, output = invoke("recommend", "mug-01", "vase-03", "-k", 4, "--where", "category=Chair")
    assert code == 0
    lines = output.splitlines()
    assert len(lines) == 4
    assert all(re.match(r"\s*-?\d+\.\d{3}  chair-\d\d\s+\S", line) for line in lines)


def test_a_benchmark_writes_what_it_prints(tmp_path: Path) -> None:
    code, output = invoke("bench", "latency", "--calls", 5, "--history", 3, "--out", tmp_path / "engine.json")
    assert code == 0
    result = json.loads((tmp_path / "engine.json").read_text())
    assert json.loads(output) == result
    assert 0 < result["p50_ms"] <= result["p95_ms"] <= result["p99_ms"]


def test_the_training_benchmark(shop: Path) -> None:
    sizes = ("--items", 50, "--dim", 8, "--events", 600, "--steps", 1)
    code, output = invoke("bench", "training", *sizes, "--dataset", shop)
    assert code == 0
    result = json.loads(output)
    ours, full, binary = result["sasrec"]["rows"]
    assert 0 < ours["share_of_matrix_rate"] < 1
    assert full["ratio"] == pytest.approx(ours["events_per_second"] / full["events_per_second"], rel=0.02)
    assert (full["loss"], binary["loss"]) == ("cross_entropy", "bce")
    assert result["softmax"]["loss_difference"] < 0.05
    for what in ("softmax", "dropout", "attention", "allocator"):
        assert result[what]["ratio"] > 0


WRONG = {
    "no dataset": (["train", "{tmp}/none", "--out", "{tmp}/run"], "no such folder"),
    "run exists": (["train", "{shop}", "--out", "{run}"], "exists already; continue it with --resume"),
    "nothing to resume": (["train", "{shop}", "--out", "{tmp}/run", "--resume"], "nothing to resume"),
    "resume with options": (
        ["train", "{shop}", "--out", "{run}", "--resume", "--dim", "8"],
        "--resume continues with the run's own configuration; leave out --dim",
    ),
    "resume with an ID model": (
        ["train", "{shop}", "--out", "{run}", "--resume", "--id-run", "{run}"],
        "--resume continues with the run's own configuration; leave out --id-run",
    ),
    "resume end to end": (
        ["finetune", "{shop}", "--out", "{tmp}/e", "--resume", "--end-to-end"],
        "--resume continues with the encoder's own configuration; leave out --end-to-end",
    ),
    "odd dim": (["train", "{shop}", "--out", "{tmp}/run", "--dim", "7"], "dim 7 with 2 heads"),
    "config unknown key": (
        ["train", "{shop}", "--out", "{tmp}/run", "--config", "{config}"],
        "unknown setting 'dimm'; known are seed, dim",
    ),
    "nowhere to write": (
        ["train", "{shop}", "--out", "/proc/none/run", "--preset", "tiny"],
        "/proc/none: No such file",
    ),
    "no run": (["evaluate", "{tmp}/none"], "no such run folder"),
    "no bundle": (["recommend", "x", "--bundle", "{tmp}/none"], "no such folder; give a bundle made by `molar export`"),
    "unknown item": (["recommend", "zzz"], "not in the catalogue: 'zzz'"),
    "bad filter": (["recommend", "mug-01", "--where", "category"], "write it as NAME=VALUE"),
    "bundle exists": (["export", "{run}", "--out", "{bundle}"], "exists already; choose another --out"),
    "tiny thumbnail": (["export", "{run}", "--out", "{tmp}/b", "--thumbnail-size", "1"], "thumbnail_size is 1"),
    "demo without bundle": (["demo", "--bundle", "{tmp}/none", "--port", "7997"], "give a bundle made by"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_one_line_and_exit_code_2(
    mistake: str, shop: Path, run: Path, bundle: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[train]\ndimm = 4\n")
    arguments, message = WRONG[mistake]
    names = {"shop": shop, "run": run, "bundle": bundle, "tmp": tmp_path, "config": config}
    code, output = invoke(*(argument.format(**names) for argument in arguments))
    assert code == 2
    assert message in output
    assert output.startswith("Error: ")
    assert len(output.splitlines()) == 1


def test_check_lists_every_error_and_exits_with_2(broken_shop: Path) -> None:
    with (broken_shop / "interactions.csv").open("a") as file:
        file.write("u1,ghost,5\nu1,mug-01,later\n")
    code, output = invoke("data", "check", broken_shop)
    assert code == 2
    assert "item_id 'ghost' is not in items.csv" in output
    assert "timestamp is missing or not a finite number" in output
    code, output = invoke("data", "check", broken_shop, "--json")
    assert code == 2
    assert len(json.loads(output)["errors"]) == 2


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, output = invoke("demo", "--port", port)
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use); choose another port with --port" in output


def test_a_port_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")
    code, output = invoke("demo")
    assert code == 2
    assert "PORT is 'http'; it must be a number from 1 to 65535" in output


def test_a_missing_extra_names_the_cure(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    for name in [name for name in sys.modules if name.startswith("molar.train.")]:
        monkeypatch.delitem(sys.modules, name)
    code, output = invoke("data", "check", shop)
    assert code == 2
    assert "this command needs the package polars; run: pip install 'molar[train]'" in output


def test_the_showroom_is_embedded() -> None:
    assert (showroom() / "manifest.json").is_file()
