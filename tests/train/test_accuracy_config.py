"""What the table of accuracy is trained with, as its file says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from molar.engine import ModelError
from molar.train.accuracy_benchmark import MODELS
from molar.train.accuracy_config import read_choices
from molar.train.config import preset


def test_choices_of_a_regime_and_of_a_row(choices_of: Callable) -> None:
    choices = choices_of(
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


@pytest.mark.parametrize("name", ["accuracy-small", "accuracy-full"])
def test_the_settings_in_the_repository_can_be_read(name: str) -> None:
    file = Path(__file__).parents[2] / "assets" / "benchmarks" / f"{name}.toml"
    choices = read_choices("base", file, list(MODELS))
    for regime, last_events in (("full", 0), ("sparse", 10)):
        for row, model in MODELS.items():
            assert choices[regime].of_row(row, model.changes).last_events == last_events


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trian]\n", "unknown table 'trian'; known are train, full, sparse"),
        ("[full]\nmodel = []\n", "unknown key full.model; known are train, changes, models, published"),
        ("[[full.published]]\nmethod = 'X'\n", "choices.toml: a published figure: missing 3 required"),
        ("[[full.published]]\nmethd = 'X'\n", "a published figure: unknown setting 'methd'; known are method, source"),
        ("[[full.published]]\nrecall = '0.3'\n", "a published figure: recall is '0.3'; expected float"),
        ("[full.published]\nmethod = 'X'\n", r"'method' is no table; begin each with \[\[full.published"),
        ("[[full.published]]\nmethod = 'X'\nsource = ''\nrow = 'Polar'\nrecall = 0.1\n", "no row 'Polar'"),
        ("[full]\nmodels = ['Polar']\n", "no row 'Polar'"),
        ("[sparse.changes.Polar]\nepochs = 1\n", "no row 'Polar'"),
        ("[sparse.changes.Molar]\nepoch = 1\n", "unknown setting 'epoch'"),
    ],
)
def test_choices_that_there_are_not(text: str, message: str, choices_of: Callable) -> None:
    with pytest.raises(ModelError, match=message):
        choices_of(text)
