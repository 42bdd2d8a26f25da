"""What the tests of the training package share."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def choices_of(tmp_path: Path) -> Callable:
    """Choices of the accuracy table, on top of the preset tiny: from the text of a file, as `--config` reads it."""
    from molar.train.accuracy_benchmark import MODELS
    from molar.train.accuracy_config import read_choices

    def read(text: str) -> dict:
        file = tmp_path / "choices.toml"
        file.write_text(text)
        return read_choices("tiny", file, list(MODELS))

    return read
