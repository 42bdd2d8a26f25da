"""Any image-text-to-text model of transformers as an item encoder: Qwen2-VL (the paper's), its kin, SmolVLM, LLaVA …

Dimensions: B items, L tokens of the longest prompt, placeholders of the picture included, D width of the model.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import nn

from molar.engine.errors import ModelError
from molar.train.backbones.reading import TargetBatch
from molar.train.backbones.small import causal_text_loss

_PICTURE = ". Item Image: "  # the paper's words between text and picture


@dataclass(frozen=True)
class ImageTextBatch:
    """B items.

    Attributes:
        token_ids: (B, L) int64, padded on the left; the last token is the embedding token.
        token_mask: (B, L) int64.
        pictures: what the model's image processor makes of all pictures, by the names of the model's arguments.
    """

    token_ids: torch.Tensor
    token_mask: torch.Tensor
    pictures: dict[str, torch.Tensor]

    def to(self, device: torch.device) -> "ImageTextBatch":
        """The same batch on another device."""
        pictures = {name: tensor.to(device) for name, tensor in self.pictures.items()}
        return ImageTextBatch(self.token_ids.to(device), self.token_mask.to(device), pictures)


class ImageTextBackbone(nn.Module):
    """[instruction and text][picture][embedding token] -> the last hidden state of the embedding token.

    Args:
        name: a folder, or a name on the hub.
        text_tokens: texts are cut at this many tokens.
        instruction: before each text.

    Raises:
        ModelError: it cannot be loaded, or is no image-text-to-text model.
    """

    caches_vision = False

    def __init__(self, name: str, text_tokens: int, instruction: str) -> None:
        super().__init__()
        from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

        try:
            # No pickles: weights come as safetensors, or not at all.
            model: Any = AutoModelForImageTextToText.from_pretrained(
                name, attn_implementation=_attention(), use_safetensors=True
            )
            self.tokenizer = AutoTokenizer.from_pretrained(name)
            # The processors of Qwen's models want torchvision, for videos. Their image processors do without.
            self.by_grid = "qwen" in model.config.model_type
            kind: Any = AutoImageProcessor if self.by_grid else AutoProcessor
            self.processor = kind.from_pretrained(name)
        except (OSError, ValueError, ImportError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"backbone {name!r}: cannot be loaded as an image-text-to-text model ({reason})") from None
        self.model: Any = model
        self.pretrained = model
        self.language: Any = model.get_decoder()
        words: nn.Embedding = model.get_input_embeddings()
        self.words = words
        self.dim = words.embedding_dim
        self.parts = (self.dim,)
        self.text_tokens = text_tokens
        padding = self.tokenizer.pad_token_id
        self.padding_id: int = self.tokenizer.eos_token_id if padding is None else padding
        self._instruction = self._ids(instruction)
        self._picture = self._ids(_PICTURE)
        scale = float(words.weight.detach().float().std())
        self.vector_to_token = nn.Linear(self.dim, self.dim)
        nn.init.normal_(self.vector_to_token.weight, std=scale / self.dim**0.5)
        nn.init.zeros_(self.vector_to_token.bias)
        self.embedding_token = nn.Parameter(torch.randn(self.dim) * scale)
        # The models place pictures by token ids, so the embedding token must have one: padding's, which is masked
        # wherever it pads.
        words.register_forward_hook(self._with_embedding_token)

    def train(self, mode: bool = True) -> "ImageTextBackbone":
        """As in torch; while training on a GPU, activations are computed anew instead of kept."""
        super().train(mode)
        if mode and self.embedding_token.is_cuda:
            self.model.gradient_checkpointing_enable({"use_reentrant": False})
        return self

    def read(self, texts: Sequence[str], pictures: Sequence[Image.Image | None]) -> ImageTextBatch:
        """Items as a batch on the CPU."""
        places, tensors = self._place([picture for picture in pictures if picture is not None])
        lines, left = [], iter(places)
        for text, picture in zip(texts, pictures, strict=True):
            line = self._instruction + self._ids(text)[: self.text_tokens]
            if picture is not None:
                line += self._picture + next(left)
            lines.append([*line, self.padding_id])
        longest = max(map(len, lines))
        token_ids = torch.tensor([[self.padding_id] * (longest - len(line)) + line for line in lines])
        token_mask = torch.tensor([[0] * (longest - len(line)) + [1] * len(line) for line in lines])
        return ImageTextBatch(token_ids, token_mask, tensors)

    def embed(self, batch: ImageTextBatch) -> torch.Tensor:
        """Item vectors (B, D)."""
        pictures = {
            name: tensor.to(self.model.dtype) if tensor.is_floating_point() else tensor
            for name, tensor in batch.pictures.items()
        }
        if self.by_grid:  # where the pictures are, for positions in two dimensions
            pictures["mm_token_type_ids"] = (batch.token_ids == self.model.config.image_token_id).long()
        states = self.model.model(
            input_ids=batch.token_ids, attention_mask=batch.token_mask, use_cache=False, **pictures
        ).last_hidden_state
        vectors: torch.Tensor = states[:, -1].float()
        return vectors

    def read_targets(self, texts: Sequence[str], max_tokens: int) -> TargetBatch:
        """Texts for `text_loss`, each cut at so many tokens and ended by the model's end token."""
        lines = [[*self._ids(text)[:max_tokens], self.tokenizer.eos_token_id] for text in texts]
        longest = max(map(len, lines))
        ids = torch.tensor([line + [self.padding_id] * (longest - len(line)) for line in lines])
        mask = torch.tensor([[1] * len(line) + [0] * (longest - len(line)) for line in lines])
        return TargetBatch(ids, mask)

    def text_loss(self, vectors: torch.Tensor, targets: TargetBatch) -> torch.Tensor:
        """As in `CausalBackbone`."""
        return causal_text_loss(self.words, self.language, self.model.lm_head, self.vector_to_token(vectors), targets)

    def _place(self, pictures: Sequence[Image.Image]) -> tuple[list[list[int]], dict[str, torch.Tensor]]:
        """The tokens that stand for each picture, and what the model reads in their places."""
        if not pictures:
            return [], {}
        if self.by_grid:
            tensors = dict(self.processor(images=list(pictures), return_tensors="pt"))
            counts = tensors["image_grid_thw"].prod(dim=1) // self.processor.merge_size**2
            config = self.model.config
            begin, picture, end = config.vision_start_token_id, config.image_token_id, config.vision_end_token_id
            return [[begin, *[picture] * int(count), end] for count in counts], tensors
        texts = [self.processor.image_token] * len(pictures)
        images = [[picture] for picture in pictures]
        tensors = dict(self.processor(text=texts, images=images, padding=True, return_tensors="pt"))
        ids, mask = tensors.pop("input_ids"), tensors.pop("attention_mask").bool()
        # What else speaks of tokens (their types) does not survive being put into a longer prompt.
        kept = {name: tensor for name, tensor in tensors.items() if tensor.shape != ids.shape}
        return [line[shown].tolist() for line, shown in zip(ids, mask, strict=True)], kept

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def _with_embedding_token(self, _: nn.Module, arguments: tuple[torch.Tensor], words: torch.Tensor) -> torch.Tensor:
        return torch.where((arguments[0] == self.padding_id)[..., None], self.embedding_token.to(words.dtype), words)


def _attention() -> str:
    with_flash = torch.cuda.is_available() and importlib.util.find_spec("flash_attn") is not None
    return "flash_attention_2" if with_flash else "sdpa"
