"""What the tests of the training package share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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


@pytest.fixture
def imported(tmp_path: Path) -> Callable:
    """Import a source; what `molar data check` says must be nothing."""
    from molar.train.dataset import Dataset, load_dataset
    from molar.train.dataset_check import check
    from molar.train.importers.dataset_folder import ImportReport, import_source
    from molar.train.importers.selection import Selection
    from molar.train.importers.source import Source

    def run(source: Source, **selection: int) -> tuple[ImportReport, Dataset]:
        out = tmp_path / "out"
        report = import_source(source, out, Selection(**({"minimum_events": 1} | selection)))
        assert check(out).errors == []
        dataset = load_dataset(out)
        assert (report.items, report.users) == (len(dataset.items), len(dataset.user_ids))
        assert report.interactions == len(dataset.rows)
        return report, dataset

    return run


@pytest.fixture
def histories_of() -> Callable:
    """What each user of a dataset has chosen, as ids, in order."""

    def read(dataset: Any) -> dict[str, list[str]]:
        ids = dataset.items["item_id"].to_list()
        return {
            user: [ids[row] for row in dataset.rows[dataset.offsets[number] : dataset.offsets[number + 1]]]
            for number, user in enumerate(dataset.user_ids)
        }

    return read
