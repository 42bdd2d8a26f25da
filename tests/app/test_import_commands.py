"""`molar data import …` and `molar bench import` as they are typed; what is imported can be trained on."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from molar.app.cli import main
from molar.train.importers.benchmark import GENERATORS


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def test_any_tables_with_their_own_column_names(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("customer,sku,ts\na,9,1\na,10,2\nb,9,1\nb,10,3\nc,9,1\n")
    (tmp_path / "items.csv").write_text("sku,name\n9,Lamp\n10,Rug\n11,Vase\n")
    options = ["--user", "customer", "--item", "sku", "--time", "ts", "--items", tmp_path / "items.csv"]
    options += ["--column", "item_id=sku", "--column", "title=name", "--core", 2, "--out", tmp_path / "out"]
    result = invoke("data", "import", "table", tmp_path / "events.csv", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"wrote {tmp_path / 'out'}: 2 items, 2 users, 4 interactions, 0 pictures",
        "dropped: 1 items that nobody is left to choose",
        "dropped: 1 events of people with few events",
        f"next: molar data check {tmp_path / 'out'}",
    ]
    assert invoke("data", "check", tmp_path / "out").exit_code == 0
    again = invoke("data", "import", "table", tmp_path / "events.csv", *options)
    assert (again.exit_code, "exists already; choose another --out" in again.output) == (2, True)
    options[-1] = tmp_path / "other"
    wrong = invoke("data", "import", "table", tmp_path / "events.csv", *options, "--column", "name=title")
    assert (wrong.exit_code, "--column 'name=title': write NAME=COLUMN" in wrong.output) == (2, True)


@pytest.mark.parametrize("form", ["amazon", "hm"])
def test_what_is_imported_can_be_trained_on(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    GENERATORS[form](source, 600, 30, np.random.default_rng(0))
    result = invoke("data", "import", form, source, "--out", tmp_path / "data", "--core", 3)
    assert result.exit_code == 0, result.output
    assert ("molar data download" in result.output) == (form == "amazon")
    assert invoke("data", "check", tmp_path / "data").exit_code == 0
    result = invoke("train", tmp_path / "data", "--out", tmp_path / "run", "--preset", "tiny", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "best epoch" in result.output


def test_seconds_and_memory_of_an_import() -> None:
    found = json.loads(invoke("bench", "import", "--form", "hm", "--events", 3000, "--items", 50).stdout)
    assert found["events"] == 3000
    assert 2000 < found["kept_events"] < 3000
    assert found["seconds"] > 0
    assert 20 < found["peak_mb"] < 2000


def test_a_dataset_without_addresses_has_nothing_to_download(tmp_path: Path) -> None:
    result = invoke("data", "download", tmp_path)
    assert (result.exit_code, "has no pictures.csv" in result.output) == (2, True)
    result = invoke("data", "download", tmp_path, "--per-second", 0)
    assert (result.exit_code, "must be more than 0" in result.output) == (2, True)
