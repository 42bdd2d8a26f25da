"""Pieces of work in several processes."""

import time
from pathlib import Path

import pytest

from molar.train.side_by_side import side_by_side


def leave(folder: Path, name: str, wait: float = 0.0) -> None:
    time.sleep(wait)
    (folder / name).touch()


def fail() -> None:
    raise ValueError("this one cannot be done")


def test_a_piece_waits_for_those_it_builds_on(tmp_path: Path) -> None:
    said: list[str] = []
    pieces = {"last": (leave, (tmp_path, "last")), "first": (leave, (tmp_path, "first", 0.2))}
    side_by_side(pieces, {"last": {"first", "not among the pieces"}}, 2, said.append)
    assert said == ["begun: first", "done: first", "begun: last", "done: last"]
    assert {path.name for path in tmp_path.iterdir()} == {"first", "last"}


def test_what_failed_is_raised_and_nothing_is_begun_after_it(tmp_path: Path) -> None:
    pieces = {"bad": (fail, ()), "later": (leave, (tmp_path, "later"))}
    with pytest.raises(ValueError, match="cannot be done"):
        side_by_side(pieces, {}, 1)
    assert not list(tmp_path.iterdir())
