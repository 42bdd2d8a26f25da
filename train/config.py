"""What a training run can choose. Every field is a `molar train` option and a line of the run's config.toml."""

import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from molar.engine.errors import ModelError

Config = TypeVar("Config", "TrainConfig", "FinetuneConfig")


@dataclass(frozen=True)
class TrainConfig:
    """Choices of one training run."""

    seed: int = field(default=0, metadata={"help": "seed of weights, batches and dropout"})

    # 128 numbers an item is what the published SASRec results on MovieLens-1M use.
    dim: int = field(default=128, metadata={"help": "width of item and user vectors"})
    layers: int = field(default=2, metadata={"help": "transformer blocks of the user encoder and of SASRec"})
    heads: int = field(default=2, metadata={"help": "attention heads"})
    dropout: float = field(default=0.2, metadata={"help": "dropout of both transformers"})
    blocks: str = field(
        default="plain",
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
    gbce_calibration: float = field(
        default=0.75, metadata={"help": "t of gbce: 0 is plain BCE, 1 undoes all of the sampling"}
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
    averaging: float = field(
        default=0.0, metadata={"help": "share of the running average of the weights that a step keeps (0: no average)"}
    )
    bfloat16: bool = field(default=True, metadata={"help": "bfloat16 autocast where the device is fast at it"})

    def __post_init__(self) -> None:
        at_least_one = ("dim", "layers", "heads", "max_history", "text_tokens", "batch_events", "epochs", "patience")
        for name in (*at_least_one, "negatives"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("seed", "warmup_steps", "alignment_weight", "weight_decay", "last_events"):
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


@dataclass(frozen=True)
class FinetuneConfig:
    """Choices of fine-tuning an item encoder."""

    backbone: str = field(
        default="compact", metadata={"help": "compact, smollm2-effnet, or a transformers image-text model"}
    )
    start: str = field(default="", metadata={"help": "encoder folder of the same backbone that it goes on from"})
    seed: int = field(default=0, metadata={"help": "seed of new weights and batches"})
    # 128 tokens hold title, attributes and the first sentences of a plot; 256 cost twice the time.
    text_tokens: int = field(default=128, metadata={"help": "an item's text is cut at this many tokens"})
    target_tokens: int = field(default=32, metadata={"help": "tokens that are written out of a vector"})
    image_to_text: float = field(default=1.0, metadata={"help": "share of the task picture -> text (IT)"})
    attributes_to_text: float = field(default=1.0, metadata={"help": "share of the task attributes -> text (SA)"})
    history_to_next: float = field(default=1.0, metadata={"help": "share of the task history -> next item (UB)"})
    # Writing alone leaves two views of an item in different directions; finding one by the other does not.
    contrastive_weight: float = field(default=1.0, metadata={"help": "weight of finding a target among the batch's"})
    # A few thousand histories hold little of what a million events say of who chooses what; this says all of it, in one
    # pass over the items.
    companion_weight: float = field(
        default=1.0, metadata={"help": "weight of telling what people choose beside an item (with UB, and end to end)"}
    )
    companion_window: int = field(default=5, metadata={"help": "events between an item and its companions"})
    # Where the published gains are, and where a small machine has no time: each step reads all items of its histories.
    sequences: float = field(
        default=0.0, metadata={"help": "share of steps that train end to end with the loss of the recommender"}
    )
    teacher: str = field(default="", metadata={"help": "encoder folder whose vectors a smaller one learns from"})
    teacher_weight: float = field(default=10.0, metadata={"help": "weight of the teacher's vectors"})
    withheld: float = field(
        default=0.0, metadata={"help": "share of items whose interactions are kept from it, to test cold start"}
    )
    last_events: int = field(
        default=0, metadata={"help": "keep only so many last events of each person, to test sparse data (0: all)"}
    )
    history_items: int = field(default=8, metadata={"help": "items of a history that the third task reads"})
    examples: int = field(default=10_000, metadata={"help": "examples of a task whose share is 1 (the paper's number)"})
    batch_size: int = field(default=32, metadata={"help": "examples in a batch, all of one task"})
    # 0 trains all of the language model but its word embeddings.
    lora_rank: int = field(
        default=16, metadata={"help": "rank of the LoRA adapters; 0 trains the whole language model"}
    )
    learning_rate: float = field(default=5e-4, metadata={"help": "peak rate of AdamW; warm-up over 5%, then cosine"})
    bfloat16: bool = field(default=True, metadata={"help": "bfloat16 where the device is fast at it"})

    def __post_init__(self) -> None:
        if self.backbone == "towers":
            raise ModelError("backbone is 'towers', which are never fine-tuned; choose compact or smollm2-effnet")
        for name in ("text_tokens", "target_tokens", "history_items", "companion_window", "examples"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.batch_size < 2:
            raise ModelError(f"batch_size is {self.batch_size}; it must be at least 2: others are the negatives")
        tasks = ("image_to_text", "attributes_to_text", "history_to_next", "sequences")
        for name in (
            *tasks,
            "seed",
            "contrastive_weight",
            "companion_weight",
            "teacher_weight",
            "lora_rank",
            "last_events",
        ):
            if not getattr(self, name) >= 0:
                raise ModelError(f"{name} is {getattr(self, name)}; it must not be negative")
        if not any(getattr(self, name) for name in tasks):
            raise ModelError("all tasks have the share 0; nothing is left to train on")
        if not self.learning_rate > 0:
            raise ModelError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if not 0 <= self.withheld < 1:
            raise ModelError(f"withheld is {self.withheld}; it must be at least 0 and below 1")


# What an encoder that knows the three tasks goes on with, for as many steps as they had. What all histories say of who
# chooses what outweighs what the few of a batch say.
END_TO_END: dict[str, float] = {
    "image_to_text": 0.0,
    "attributes_to_text": 0.0,
    "history_to_next": 0.0,
    "sequences": 3.0,
    "companion_weight": 6.0,
}

PRESETS: dict[str, dict[str, Any]] = {
    # The published MovieLens-1M setting.
    "base": {},
    # A catalogue of a few hundred items on a laptop.
    "small": {"dim": 64, "max_history": 50, "batch_events": 6_400, "epochs": 20},
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
        raise ModelError(f"{path}: no such file; is this a run folder made by `molar train`?") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not valid TOML ({error})") from None


def config_from(values: dict[str, Any], source: str, kind: type[Config]) -> Config:
    """Build a configuration from a table of a TOML file.

    Raises:
        ModelError: a key is unknown, or a value has the wrong type or is out of range.
    """
    known = {f.name: f.type for f in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise ModelError(f"{source}: unknown setting {key!r}; known are {', '.join(known)}")
        expected = known[key]
        fits = isinstance(value, float | int) if expected is float else isinstance(value, expected)  # type: ignore[arg-type]
        if not fits or (isinstance(value, bool) and expected is not bool):
            raise ModelError(f"{source}: {key} is {value!r}; expected {getattr(expected, '__name__', expected)}")
    return kind(**values)
