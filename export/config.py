"""What an export can choose. Every field is a `molar export` option."""

from dataclasses import dataclass, field

from molar.engine.bundle import PRECISIONS
from molar.engine.errors import ModelError

_INT8_FROM = 8_192  # items


@dataclass(frozen=True)
class ExportConfig:
    """Choices of one export."""

    name: str = field(
        default="", metadata={"help": "what the catalogue is called; the dataset folder's name if not given"}
    )
    note: str = field(default="", metadata={"help": "what people should know who read its figures; the demo shows it"})
    # Two device pixels for each of a card's 160.
    thumbnail_size: int = field(default=320, metadata={"help": "longer side of the catalogue's pictures in pixels"})
    thumbnail_quality: int = field(default=82, metadata={"help": "WebP quality of the pictures, 1 to 100"})
    # float32 is what all of them are measured by. 8 bits pay from about this many items on (`molar bench engine`).
    precisions: str = field(
        default="auto",
        metadata={
            "help": "of the item tables; auto is fp32, fp16 for a GPU, and int8 for a CPU from 8,192 items on",
            "choices": ("auto", "all", "fp32"),
        },
    )
    parity_histories: int = field(
        default=1024, metadata={"help": "real histories on which ONNX must agree with torch, in each precision"}
    )
    item_encoder: bool = field(default=True, metadata={"help": "let the bundle read items that it has never seen"})
    explain: bool = field(
        default=True,
        metadata={
            "help": "tell what an item's picture and text bring to a score; reads each item once by either alone"
        },
    )
    # int8 keeps 19 of 20 nearest neighbours of the small encoders; of SmolLM2's it keeps 12, and fp16 nearly all.
    encoder_precision: str = field(
        default="auto",
        metadata={
            "help": "of the item encoder; auto is int8 for small language models and fp16 for the others",
            "choices": ("auto", "fp32", "fp16", "int8"),
        },
    )
    parity_items: int = field(
        default=64, metadata={"help": "real items on which the item encoder must agree with torch"}
    )

    def table_precisions(self, items: int) -> tuple[str, ...]:
        """Those that a catalogue of so many items gets."""
        if self.precisions == "fp32":
            return ("fp32",)
        return PRECISIONS if self.precisions == "all" or items >= _INT8_FROM else PRECISIONS[:2]

    def __post_init__(self) -> None:
        if not 16 <= self.thumbnail_size <= 2048:
            raise ModelError(f"thumbnail_size is {self.thumbnail_size}; it must be 16 to 2048 pixels")
        if not 1 <= self.thumbnail_quality <= 100:
            raise ModelError(f"thumbnail_quality is {self.thumbnail_quality}; it must be 1 to 100")
        if self.precisions not in ("auto", "all", "fp32"):
            raise ModelError(f"precisions is {self.precisions!r}; choose auto, all or fp32")
        for name in ("parity_histories", "parity_items"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.encoder_precision not in ("auto", "fp32", "fp16", "int8"):
            raise ModelError(f"encoder_precision is {self.encoder_precision!r}; choose auto, fp32, fp16 or int8")
