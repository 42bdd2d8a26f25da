"""What `molar bench accuracy` trains each row with: a preset, and a TOML file on top of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from molar.engine.errors import ModelError
from molar.train.config import TrainConfig, config_from, preset, read_toml

SPARSE_EVENTS = 10  # histories of the paper's setting
REGIMES = ("full", "sparse")


@dataclass(frozen=True)
class Published:
    """What others report.

    Attributes:
        method: their name of it.
        source: where they do.
        row: ours that is closest to it.
        recall: their Recall@10.
        ndcg: their NDCG@10; None where they do not tell.
        same_data: whether it is of the very same events, split and ranking; else only close.
    """

    method: str
    source: str
    row: str
    recall: float
    ndcg: float | None = None
    same_data: bool = True


@dataclass(frozen=True)
class Choices:
    """Of one regime.

    Attributes:
        config: of Molar; the rows differ from it by their own changes.
        changes: row -> what the file changes of it.
        models: rows to make where the command names none; all of them if empty.
        published: figures of others, to stand beside ours.
    """

    config: TrainConfig
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    models: Sequence[str] = ()
    published: Sequence[Published] = ()

    def of_row(self, name: str, own: Mapping[str, Any]) -> TrainConfig:
        """The configuration of a row's runs, with what makes it that row."""
        return replace(self.config, **{**own, **self.changes.get(name, {})})


def read_choices(preset_name: str, file: Path | None, rows: Sequence[str]) -> dict[str, Choices]:
    """Regime -> choices.

    Args:
        preset_name: what both regimes start from.
        file: may hold `[train]`, for both regimes, and `full` and `sparse` with `models = [...]`, `[full.train]` and
            `[full.changes.NAME]`: settings of `molar train`; `[[full.published]]`: see `Published`.
        rows: names that there are.

    Raises:
        ModelError: the file cannot be read, names a row or a setting that there is not, or a value is out of range.
    """
    tables = read_toml(file) if file else {}
    for key in tables:
        if key not in ("train", *REGIMES):
            raise ModelError(f"{file}: unknown table {key!r}; known are train, {', '.join(REGIMES)}")
    choices = {}
    for regime in REGIMES:
        of_regime = tables.get(regime, {})
        for key in of_regime:
            if key not in ("train", "changes", "models", "published"):
                raise ModelError(f"{file}: unknown key {regime}.{key}; known are train, changes, models, published")
        changes, models = of_regime.get("changes", {}), of_regime.get("models", [])
        published = [_published(entry, file) for entry in of_regime.get("published", [])]
        for name in (*changes, *models, *(entry.row for entry in published)):
            if name not in rows:
                raise ModelError(f"{file}: no row {name!r}; choose of {'; '.join(rows)}")
        for table in (tables.get("train", {}), of_regime.get("train", {}), *changes.values()):
            config_from(table, str(file), TrainConfig)
        last_events = {"last_events": SPARSE_EVENTS if regime == "sparse" else 0}
        config = preset(preset_name, **tables.get("train", {}), **last_events)
        choices[regime] = Choices(replace(config, **of_regime.get("train", {})), changes, models, published)
    return choices


def _published(entry: Any, file: Path | None) -> Published:
    source = f"{file}: a published figure"
    if not isinstance(entry, dict):
        raise ModelError(f"{source}: {entry!r} is no table; begin each with [[full.published]] or [[sparse.published]]")
    try:
        return config_from(entry, source, Published)
    except TypeError as error:  # something is missing
        raise ModelError(f"{source}: {str(error).partition(' ')[2]}") from None
