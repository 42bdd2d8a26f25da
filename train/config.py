"""What a training run can choose. Every field is a `molar train` option and a line of the run's config.toml."""

import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from molar.engine.errors import ModelError

Config = TypeVar("Config")

FULL_SOFTMAX_ITEMS = 50_000
"""Beyond so many items a run whose loss is "auto" draws negatives, and a step reads the items of its batch alone."""


@dataclass(frozen=True)
class TrainConfig:
    """Choices of one training run."""

    seed: int = field(default=0, metadata={"help": "seed of weights, batches and dropout"})

    # 128 numbers an item is what the published SASRec results on MovieLens-1M use.
    dim: int = field(default=128, metadata={"help": "width of item and user vectors"})
    layers: int = field(default=2, metadata={"help": "transformer blocks of the user encoder and of SASRec"})
    heads: int = field(default=2, metadata={"help": "attention heads"})
    dropout: float = field(default=0.2, metadata={"help": "dropout of both transformers"})
    # Gated blocks lift SASRec's validation NDCG@10 on MovieLens-1M from 0.197 to 0.203.
    blocks: str = field(
        default="gated",
        metadata={
            "help": "blocks of the user encoder: plain, or gated as in LiGR, with SwiGLU",
            "choices": ("plain", "gated"),
        },
    )
    # 200 events cover the median history of MovieLens-1M twice; published results use the same.
    max_history: int = field(default=200, metadata={"help": "most recent events that the model reads"})
    last_events: int = field(
        default=0, metadata={"help": "keep only so many last events of each person, to test sparse data (0: all)"}
    )

    encoder: str = field(
        default="towers", metadata={"help": "item encoder: towers (frozen), or a folder of `molar finetune`"}
    )
    # 256 word pieces hold 9 of 10 plots; MiniLM was trained on texts no longer than that.
    text_tokens: int = field(
        default=256, metadata={"help": "an item's text is cut at this many tokens, unless the encoder's folder says"}
    )
    view: str = field(
        default="both", metadata={"help": "what is shown of an item", "choices": ("both", "text", "image")}
    )
    content: bool = field(
        default=True, metadata={"help": "read what items show and say; without it, the ID model alone"}
    )
    ids: bool = field(default=True, metadata={"help": "learn item IDs beside their content, and align the two"})
    # SASRec with full cross-entropy is the strongest; the paper varies it.
    id_model: str = field(
        default="sasrec",
        metadata={"help": "what knows items by their ID", "choices": ("sasrec", "gru4rec", "fpmc", "bert4rec")},
    )
    id_blocks: str = field(
        default="gated", metadata={"help": "blocks of SASRec: plain, or gated as above", "choices": ("plain", "gated")}
    )
    # With the ID model's alone the content side ranks as well as without any.
    own_ids: bool = field(
        default=True, metadata={"help": "the content side learns IDs of its own beside the ID model's"}
    )
    withheld: float = field(
        default=0.0, metadata={"help": "share of items whose interactions are kept from training, to test cold start"}
    )
    # An item's ID is hidden from the content side this often, so that items without interactions work beside known
    # ones.
    id_dropout: float = field(default=0.1, metadata={"help": "share of item IDs hidden from the content side per step"})
    # Without such steps the content side never meets a history without any ID and ranks by content alone at random.
    content_steps: float = field(
        default=0.3, metadata={"help": "share of steps that hide all IDs from the content side"}
    )

    # The full softmax is best wherever it can be afforded.
    loss: str = field(
        default="auto",
        metadata={
            "help": "next-item loss; auto is cross_entropy up to 50,000 items, beyond that sampled_softmax; bce is the "
            "paper's",
            "choices": ("auto", "cross_entropy", "sampled_softmax", "gbce", "bce"),
        },
    )
    # What the gSASRec paper uses on MovieLens-1M.
    negatives: int = field(
        default=256, metadata={"help": "items that sampled_softmax and gbce draw beside each target"}
    )
    # A step on a million items takes two cores as long as on a thousand.
    item_tables: str = field(
        default="auto",
        metadata={
            "help": "item embeddings: whole (each step makes the vectors of all items), rows (of those of its batch "
            "alone), host (the same, and the tables stay in the CPU's memory); auto is rows where a catalogue is so "
            "large that negatives are drawn",
            "choices": ("auto", "whole", "rows", "host"),
        },
    )
    gbce_calibration: float = field(
        default=0.75, metadata={"help": "t of gbce: 0 is plain BCE, 1 undoes all of the sampling"}
    )
    alignment_weight: float = field(default=0.1, metadata={"help": "weight (alpha) of the post-alignment loss"})
    # CLIP's start value; it is learned from there. The paper does not state its own.
    alignment_temperature: float = field(default=0.07, metadata={"help": "start of the learned temperature"})

    # An ensemble ranks better than its members; the content side can learn much of what it knows.
    teachers: str = field(
        default="", metadata={"help": "finished runs, with commas between, that the content side learns from"}
    )
    teacher_weight: float = field(default=0.5, metadata={"help": "weight of what they say beside what came next"})

    # Four times as many, 128 histories of 200, are usual; after three epochs Molar is then where it is here after one.
    batch_events: int = field(default=6_400, metadata={"help": "events in a batch, padding included"})
    learning_rate: float = field(default=2e-3, metadata={"help": "peak rate of AdamW; warm-up, then cosine to 5%"})
    weight_decay: float = field(default=0.01, metadata={"help": "decay of matrices (not embeddings, norms, biases)"})
    warmup_steps: int = field(default=100, metadata={"help": "steps until the peak rate"})
    epochs: int = field(
        default=20, metadata={"help": "most passes over the training events, for the ID model and then beside it"}
    )
    patience: int = field(
        default=6, metadata={"help": "stop after so many epochs in which no mode's validation NDCG@10 is better"}
    )
    # Of 20,000 people NDCG@10 is known to some 0.002, and to rank a million items for a million people takes days.
    validated: int = field(
        default=20_000, metadata={"help": "people, drawn at random, whose validation events are ranked (0: all)"}
    )
    averaging: float = field(
        default=0.0, metadata={"help": "share of the running average of the weights that a step keeps (0: no average)"}
    )
    bfloat16: bool = field(default=True, metadata={"help": "bfloat16 autocast where the device is fast at it"})

    def loss_for(self, items: int) -> str:
        """The loss of the next item in a catalogue of so many: "auto" is decided here."""
        if self.loss != "auto":
            return self.loss
        whole = items <= FULL_SOFTMAX_ITEMS and self.item_tables not in ("rows", "host")
        return "cross_entropy" if self.teachers or whole else "sampled_softmax"

    def reads_rows(self, items: int) -> bool:
        """Whether a step on a catalogue of so many items reads those of its batch alone."""
        if self.item_tables != "auto":
            return self.item_tables != "whole"
        return items > FULL_SOFTMAX_ITEMS and self.loss_for(items) != "cross_entropy"

    def __post_init__(self) -> None:
        at_least_one = ("dim", "layers", "heads", "max_history", "text_tokens", "batch_events", "epochs", "patience")
        for name in (*at_least_one, "negatives"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("seed", "warmup_steps", "alignment_weight", "weight_decay", "last_events", "validated"):
            if not getattr(self, name) >= 0:
                raise ModelError(f"{name} is {getattr(self, name)}; it must not be negative")
        for name in ("dropout", "id_dropout", "content_steps", "withheld", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")
        for name in ("learning_rate", "alignment_temperature"):
            if not getattr(self, name) > 0:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0 <= self.gbce_calibration <= 1:
            raise ModelError(f"gbce_calibration is {self.gbce_calibration}; it must be between 0 and 1")
        if not 0 <= self.teacher_weight <= 1:
            raise ModelError(f"teacher_weight is {self.teacher_weight}; it must be between 0 and 1")
        if self.teachers and not (self.content and self.loss in ("auto", "cross_entropy")):
            raise ModelError("teachers speak of all items to the content side; it needs content and cross_entropy")
        if self.item_tables in ("rows", "host") and (self.teachers or self.loss == "cross_entropy"):
            why = "cross_entropy and teachers look at all items each step; choose whole"
            raise ModelError(f"item_tables {self.item_tables}: {why}")
        if not (self.content or self.ids):
            raise ModelError("content and ids are both off; nothing is left to learn from")
        if self.ids and self.content and self.id_model == "bert4rec":
            raise ModelError("bert4rec has no vector after each event to align with; use it with --no-content")
        if self.dim % (2 * self.heads):
            raise ModelError(f"dim {self.dim} with {self.heads} heads: dim must be a multiple of twice the heads")
        for f in fields(self):
            if "choices" in f.metadata and getattr(self, f.name) not in f.metadata["choices"]:
                choices = " or ".join(map(repr, f.metadata["choices"]))
                raise ModelError(f"{f.name} is {getattr(self, f.name)!r}; choose {choices}")


_DEFAULTS = TrainConfig()
_OF_BOTH = ("alignment_weight", "alignment_temperature", "content_steps", "id_dropout", "teachers", "teacher_weight")
_ONE_SIDE = {**{name: getattr(_DEFAULTS, name) for name in _OF_BOTH}, "own_ids": False}
_READING = {name: getattr(_DEFAULTS, name) for name in ("encoder", "text_tokens", "view")}

WITHOUT_CONTENT: dict[str, Any] = {**_ONE_SIDE, **_READING, "content": False, "blocks": "plain"}
"""Changes that leave the ID model alone, and set what it does not read to one value whatever it was."""

WITHOUT_IDS: dict[str, Any] = {**_ONE_SIDE, "ids": False, "id_blocks": "plain"}
"""Changes that leave the content side alone."""

PRESETS: dict[str, dict[str, Any]] = {
    # A catalogue of a few thousand items, such as MovieLens-1M.
    "base": {},
    # A catalogue of a few hundred items on a laptop.
    "small": {"dim": 64, "max_history": 50},
    # Seconds; for tests and first tries.
    "tiny": {
        "encoder": "tiny",
        "dim": 16,
        "layers": 1,
        "max_history": 12,
        "text_tokens": 32,
        "batch_events": 256,
        "warmup_steps": 5,
        "epochs": 3,
        "learning_rate": 1e-2,
        "dropout": 0.1,
    },
}


def preset(name: str, **changes: Any) -> TrainConfig:
    """A named starting point with some fields changed.

    Raises:
        ModelError: there is no such preset, or a value is out of range.
    """
    if name not in PRESETS:
        raise ModelError(f"no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return replace(TrainConfig(**PRESETS[name]), **changes)


def chosen_config(preset_name: str, file: Path | None, changes: dict[str, Any]) -> TrainConfig:
    """A preset, with the table [train] of a TOML file on top, and some fields changed on top of that.

    Raises:
        ModelError: the file cannot be read, or holds what is no setting; a value is out of range.
    """
    from_file = read_toml(file).get("train", {}) if file else {}
    config_from(from_file, str(file), TrainConfig)
    return preset(preset_name, **{**from_file, **changes})


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ModelError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not valid TOML ({error})") from None


def config_from(values: dict[str, Any], source: str, kind: type[Config]) -> Config:
    """Build a configuration from a table of a TOML file.

    Raises:
        ModelError: a key is unknown, or a value has the wrong type or is out of range.
    """
    known = {f.name: f.type for f in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in known:
            raise ModelError(f"{source}: unknown setting {key!r}; known are {', '.join(known)}")
        expected = known[key]
        fits = isinstance(value, float | int) if expected is float else isinstance(value, expected)  # type: ignore[arg-type]
        if not fits or (isinstance(value, bool) and expected is not bool):
            raise ModelError(f"{source}: {key} is {value!r}; expected {getattr(expected, '__name__', expected)}")
    return kind(**values)
