"""`Molar`: content side, ID side, and the one dot product that ranks with both.

Dimensions: B histories, L events, N items, D width.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch
from torch import nn

from molar.engine.errors import ModelError
from molar.train.config import TrainConfig, config_from, read_toml
from molar.train.files import write_text
from molar.train.id_models import ID_MODELS
from molar.train.item_encoder import ItemEncoder, ScaledFeatures
from molar.train.item_tables import TouchedMean, read_rows
from molar.train.model_files import read_tensors, write_tensors
from molar.train.user_encoder import UserEncoder

_BLOCK = 65_536  # items whose vectors are made at one time, outside of training

MODES = ("aligned", "content", "ids")
"""How a bundle can rank: with both sides, by what items show and say, by who else chose them."""


@dataclass(frozen=True)
class DataFacts:
    """What the model's shape depends on.

    Attributes:
        items: N.
        parts: widths of the parts of a backbone's vector.
        dataset: where the dataset folder was.
        fingerprint: SHA-256 of the item ids and all histories.
        encoder_version: of the backbone that read the items.
    """

    items: int
    parts: list[int]
    dataset: str
    fingerprint: str
    encoder_version: str


@dataclass(frozen=True)
class ItemVectors:
    """The vectors of all items, or of some.

    Attributes:
        content: (N, D) c_i, from picture and text; None for an ID model alone.
        ids: (N, D) e_i, the ID model's embeddings around their mean, zeros for items without training interactions;
            None for a model without IDs.
        fused: (N, D) v_i = c_i + gate * e_i + r_i, r_i an ID that the content side learns by itself; None where one of
            the two is.
    """

    content: torch.Tensor | None = None
    ids: torch.Tensor | None = None
    fused: torch.Tensor | None = None

    def tables(self) -> dict[str, torch.Tensor]:
        """(N, 2 D) per mode: [what the user encoder reads ; what the ID model reads]; (N, D) for a model of one side.

        A side whose half is zeros adds nothing to a score, so one scorer serves all modes.
        """
        if self.content is None or self.ids is None or self.fused is None:
            return {name: table for name, table in (("content", self.content), ("ids", self.ids)) if table is not None}
        nothing = torch.zeros_like(self.content)
        return {
            "aligned": torch.cat([self.fused, self.ids], dim=1),
            "content": torch.cat([self.content, nothing], dim=1),
            "ids": torch.cat([nothing, self.ids], dim=1),
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        """Those that there are, by name."""
        return {name: tensor for name, tensor in vars(self).items() if tensor is not None}


class Molar(nn.Module):
    """The whole model after the item features; with one of its sides alone, a baseline.

    The ID model comes first and alone (see `align_with`); beside a content side it stays as it is, without gradients
    and dropout: it is the teacher of the post-alignment.

    Args:
        config: the run's choices.
        facts: what the dataset decides.
    """

    def __init__(self, config: TrainConfig, facts: DataFacts) -> None:
        super().__init__()
        self.config = config
        self.facts = facts
        self.item_encoder: ItemEncoder | None = None
        self.user_encoder: UserEncoder | None = None
        self.id_model: nn.Module | None = None
        self._mean = TouchedMean()
        self.touched: torch.Tensor  # 1 for items with training interactions
        self.register_buffer("touched", torch.ones(facts.items, 1))
        if config.content:
            self.item_encoder = ItemEncoder(facts.parts, config.dim, config.dropout)
            gated = config.blocks == "gated"
            self.user_encoder = UserEncoder(config.dim, config.layers, config.heads, config.dropout, gated)
        if config.ids:
            self.id_model = ID_MODELS[config.id_model](facts.items, config).requires_grad_(not config.content)
        if config.content and config.ids:
            self.gate = nn.Parameter(torch.ones(()))
            if config.own_ids:
                self.own_ids = nn.Parameter(torch.zeros(facts.items, config.dim))  # r_i
            self.log_temperature = nn.Parameter(torch.tensor(config.alignment_temperature).log())
            self.id_weight: torch.Tensor  # beta: how much the ID side counts in the score; chosen on validation
            self.register_buffer("id_weight", torch.ones(()))

    def align_with(self, alone: "Molar") -> None:
        """Take over the ID model of a run of its own."""
        assert self.id_model is not None and alone.id_model is not None
        self.id_model.load_state_dict(alone.id_model.state_dict())

    def train(self, mode: bool = True) -> "Molar":
        """As of any module, but that the ID model beside a content side has no dropout."""
        super().train(mode)
        self._mean.forget()
        if self.item_encoder is not None and self.id_model is not None:
            self.id_model.eval()
        return self

    @property
    def modes(self) -> tuple[str, ...]:
        """The ways in which this model can rank, the default first."""
        if self.id_model is None:
            return ("content",)
        return MODES if self.item_encoder else ("ids",)

    def item_vectors(
        self,
        features: torch.Tensor | ScaledFeatures | None,
        keep_ids: torch.Tensor | None = None,
        rows: torch.Tensor | None = None,
    ) -> ItemVectors:
        """Vectors of the whole catalogue, or of R of its items.

        Args:
            features: (N, F) of a backbone, or what the item encoder makes of them before anything that is learned; not
                looked at by an ID model alone.
            keep_ids: (N, 1), or (R, 1), 0 for items whose ID is hidden from the content side; nothing is hidden where
                None.
            rows: (R,) int64, each once; all N where None.
        """
        content = None
        if self.item_encoder is not None and features is not None:
            if rows is not None:
                features = features[rows] if isinstance(features, torch.Tensor) else features.of(rows, self.device)
            content = self.item_encoder(features)
        if self.id_model is None:
            return ItemVectors(content)
        ids = self.around_mean(self.id_embeddings(rows), rows)
        if content is None:
            return ItemVectors(None, ids)
        shown = self.gate * ids
        if self.config.own_ids:
            own = self.own_ids if rows is None else read_rows(self.own_ids, rows, self.device)
            shown = shown + own * self._touched(rows)
        return ItemVectors(content, ids, content + (shown if keep_ids is None else shown * keep_ids))

    def all_item_vectors(self, features: torch.Tensor | ScaledFeatures | None) -> ItemVectors:
        """The same of the whole catalogue without gradients, some thousand items at a time where steps read rows."""
        if not self.config.reads_rows(self.facts.items):
            with torch.no_grad():
                return self.item_vectors(features)
        self._mean.forget()
        whole: dict[str, torch.Tensor] = {}
        with torch.no_grad():
            for start in range(0, self.facts.items, _BLOCK):
                rows = torch.arange(start, min(start + _BLOCK, self.facts.items))
                for name, part in self.item_vectors(features, rows=rows).tensors().items():
                    if name not in whole:
                        whole[name] = part.new_empty(self.facts.items, part.shape[1])
                    whole[name][rows] = part
        return ItemVectors(**whole)

    def id_embeddings(self, rows: torch.Tensor | None = None) -> torch.Tensor:
        """(N, D) of the ID model as they are learned, not around their mean; (R, D) of some rows."""
        assert self.id_model is not None
        table: torch.Tensor = self.id_model.items.weight  # type: ignore[union-attr, assignment]
        return table if rows is None else read_rows(table, rows, self.device)

    def around_mean(self, ids: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """What `id_embeddings` gave, around the mean of all items with training interactions; zeros for others.

        So an item that nobody has chosen counts as an average one. To the softmax, and to a model that adds learned
        positions to its input, this is the same SASRec.
        """
        if rows is None:
            mean = (ids * self.touched).sum(dim=0) / self.touched.sum()
        else:
            table = self.id_embeddings()
            mean = self._mean.of(table, self.touched, rows, changes=table.requires_grad and torch.is_grad_enabled())
        return (ids - mean) * self._touched(rows)

    def _touched(self, rows: torch.Tensor | None) -> torch.Tensor:
        return self.touched if rows is None else self.touched[rows.to(self.device)]

    @property
    def device(self) -> torch.device:
        """Where it computes; tables of items may be kept elsewhere."""
        return self.touched.device

    def item_tables(self) -> list[nn.Parameter]:
        """(N, D) each, a row an item."""
        own = [self.own_ids] if hasattr(self, "own_ids") else []
        return own if self.id_model is None else [self.id_model.items.weight, *own]  # type: ignore[union-attr, list-item]

    def _apply(self, fn: Any, recurse: bool = True) -> "Molar":
        """As of any module, but that tables that are to be in host memory stay where they are."""
        hosted = self.item_tables() if self.config.item_tables == "host" else []
        values = [table.data for table in hosted]
        for table in hosted:
            table.data = table.data.new_empty(0)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for table, value in zip(hosted, values, strict=True):
            table.data = value
        return self

    def user_vectors(
        self,
        events: torch.Tensor,
        positions: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        last: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Rows of a mode's table, oldest first -> (u, h), each (B, L, D); None for a side that there is not.

        Args:
            events: (B, L, 2 D), [what the user encoder reads ; what the ID model reads]; (B, L, D) for one side.
            positions: of `left_padded` or `right_padded`; no history is padded where None.
            mask: as in `UserEncoder.forward`.
            last: as in `UserEncoder.forward`.
        """
        both = self.user_encoder is not None and self.id_model is not None
        for_content, for_ids = events.chunk(2, dim=-1) if both else (events, events)
        u = None if self.user_encoder is None else self.user_encoder(for_content, positions, mask, last)
        return u, None if self.id_model is None else self.id_model(for_ids, positions, mask, last)

    def query(self, u: torch.Tensor | None, h: torch.Tensor | None) -> torch.Tensor:
        """(B, D) and (B, D) -> (B, 2 D), [u ; beta h]: its dot product with a table's row is the row's score.

        Of one side alone it is the vector as it is.
        """
        sides = [u, h if u is None or h is None else self.id_weight * h]
        return torch.cat([side for side in sides if side is not None], dim=-1)

    def save_pretrained(self, folder: Path | str, metadata: Mapping[str, str] | None = None) -> None:
        """Write config.toml and model.safetensors into a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_run_config(folder / "config.toml", self.config, self.facts)
        write_tensors(folder / "model.safetensors", self.state_dict(), metadata)

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> "Molar":
        """Read a model that `save_pretrained` or `molar train` wrote.

        Raises:
            ModelError: a file is missing or damaged, or does not fit the other.
        """
        folder = Path(folder)
        model = cls(*read_run_config(folder / "config.toml"))
        tensors, _ = read_tensors(folder / "model.safetensors")
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise ModelError(f"{folder / 'model.safetensors'}: does not fit config.toml ({reason})") from None
        return model.eval()


def write_run_config(path: Path, config: TrainConfig, facts: DataFacts) -> None:
    """Write the tables [train] and [data]."""
    write_text(path, tomli_w.dumps({"train": asdict(config), "data": asdict(facts)}))


def read_run_config(path: Path) -> tuple[TrainConfig, DataFacts]:
    """Read what `write_run_config` wrote.

    Raises:
        ModelError: the file is missing, is not TOML, or lacks something.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such file; is this a run folder made by `molar train`?")
    values = read_toml(path)
    try:
        return config_from(values["train"], str(path), TrainConfig), DataFacts(**values["data"])
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path}: incomplete ({error}); it was not written by this version of `molar train`") from None
