"""What fine-tuning an item encoder can choose. Every field is a `molar finetune` option."""

from dataclasses import dataclass, field

from molar.engine.errors import ModelError


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
