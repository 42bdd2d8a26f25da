"""What a training run can choose. Every field is a `molar train` option and a line of the run's config.toml."""

import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from molar.engine.errors import ModelError


@dataclass(frozen=True)
class TrainConfig:
    """Choices of one training run."""

    seed: int = field(default=0, metadata={"help": "seed of weights, batches and dropout"})

    # 128 numbers an item is what the published SASRec results on MovieLens-1M use.
    dim: int = field(default=128, metadata={"help": "width of item and user vectors"})
    layers: int = field(default=2, metadata={"help": "transformer blocks of the user encoder and of SASRec"})
    heads: int = field(default=2, metadata={"help": "attention heads"})
    dropout: float = field(default=0.2, metadata={"help": "dropout of both transformers"})
    # 200 events cover the median history of MovieLens-1M twice; published results use the same.
    max_history: int = field(default=200, metadata={"help": "most recent events that the model reads"})

    # 256 word pieces hold 9 of 10 plots; MiniLM was trained on texts no longer than that.
    text_tokens: int = field(default=256, metadata={"help": "an item's text is cut at this many tokens"})
    # An item's ID is hidden from the content side this often, so that items without interactions work beside known
    # ones.
    id_dropout: float = field(default=0.1, metadata={"help": "share of item IDs hidden from the content side per step"})
    # Without such steps the content side never meets a history without any ID and ranks by content alone at random.
    content_steps: float = field(
        default=0.3, metadata={"help": "share of steps that hide all IDs from the content side"}
    )

    loss: str = field(
        default="cross_entropy",
        metadata={
            "help": "next-item loss: full softmax, or the paper's BCE with one negative",
            "choices": ("cross_entropy", "bce"),
        },
    )
    alignment_weight: float = field(default=0.1, metadata={"help": "weight (alpha) of the post-alignment loss"})
    # CLIP's start value; it is learned from there. The paper does not state its own.
    alignment_temperature: float = field(default=0.07, metadata={"help": "start of the learned temperature"})

    # 128 histories of 200 events.
    batch_events: int = field(default=25_600, metadata={"help": "events in a batch, padding included"})
    learning_rate: float = field(default=2e-3, metadata={"help": "peak rate of AdamW; warm-up, then cosine to 5%"})
    weight_decay: float = field(default=0.01, metadata={"help": "decay of matrices (not embeddings, norms, biases)"})
    warmup_steps: int = field(default=100, metadata={"help": "steps until the peak rate"})
    epochs: int = field(default=30, metadata={"help": "most passes over the training events"})
    patience: int = field(default=6, metadata={"help": "stop after so many epochs without a better validation NDCG@10"})
    bfloat16: bool = field(default=True, metadata={"help": "bfloat16 autocast where the device is fast at it"})

    def __post_init__(self) -> None:
        at_least_one = ("dim", "layers", "heads", "max_history", "text_tokens", "batch_events", "epochs", "patience")
        for name in at_least_one:
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("seed", "warmup_steps", "alignment_weight", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ModelError(f"{name} is {getattr(self, name)}; it must not be negative")
        for name in ("dropout", "id_dropout", "content_steps"):
            if not 0 <= getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")
        for name in ("learning_rate", "alignment_temperature"):
            if not getattr(self, name) > 0:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.dim % (2 * self.heads):
            raise ModelError(f"dim {self.dim} with {self.heads} heads: dim must be a multiple of twice the heads")
        if self.loss not in ("cross_entropy", "bce"):
            raise ModelError(f"loss is {self.loss!r}; choose 'cross_entropy' or 'bce'")


PRESETS: dict[str, dict[str, Any]] = {
    # The published MovieLens-1M setting.
    "base": {},
    # A catalogue of a few hundred items on a laptop.
    "small": {"dim": 64, "max_history": 50, "batch_events": 6_400, "epochs": 20},
    # Seconds; for tests and first tries.
    "tiny": {
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


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ModelError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; is this a run folder made by `molar train`?") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not valid TOML ({error})") from None


def config_from(values: dict[str, Any], source: str) -> TrainConfig:
    """Build a `TrainConfig` from a table of a TOML file.

    Raises:
        ModelError: a key is unknown, or a value has the wrong type or is out of range.
    """
    known = {f.name: f.type for f in fields(TrainConfig)}
    for key, value in values.items():
        if key not in known:
            raise ModelError(f"{source}: unknown setting {key!r}; known are {', '.join(known)}")
        expected = known[key]
        fits = isinstance(value, float | int) if expected is float else isinstance(value, expected)  # type: ignore[arg-type]
        if not fits or (isinstance(value, bool) and expected is not bool):
            raise ModelError(f"{source}: {key} is {value!r}; expected {getattr(expected, '__name__', expected)}")
    return TrainConfig(**values)
