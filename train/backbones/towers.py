"""The frozen towers: all-MiniLM-L6 reads the text, EfficientNet-Lite0 the picture, and nothing is fine-tuned."""

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F

from molar.engine.item_reader import Preprocessing
from molar.train.backbones.reading import ItemBatch, PictureTextBackbone


class Towers(PictureTextBackbone):
    """Two vectors side by side, each of unit length, zeros where there is nothing to read.

    Args:
        language: an encoder of transformers with BERT's interface, read by the mean of its last hidden states.
        vision: has `grid(pixels)` -> (B, C, G, G), read by the mean over the grid.
        channels: C.
        tokenizer: of the language model.
        preprocessing: how items become inputs.
    """

    def __init__(
        self, language: nn.Module, vision: nn.Module, channels: int, tokenizer: Tokenizer, preprocessing: Preprocessing
    ) -> None:
        super().__init__(vision, channels, 1, tokenizer, preprocessing)
        self.language = language
        text_dim: int = language.config.hidden_size  # type: ignore[union-attr, assignment]
        self.parts = (text_dim, channels)
        self.dim = sum(self.parts)
        self.prompt_tokens = self.reader.read_texts([""])[0].shape[1]

    def embed(self, batch: ItemBatch) -> torch.Tensor:
        """Item vectors (B, D), D the sum of `parts`."""
        states = self.language(input_ids=batch.token_ids, attention_mask=batch.token_mask).last_hidden_state.float()
        weights = batch.token_mask[:, :, None].float()
        text = F.normalize((states * weights).sum(1) / weights.sum(1), dim=-1)
        has_text = batch.token_mask.sum(1, keepdim=True) > self.prompt_tokens
        return torch.cat([text * has_text, self.picture_part(batch)], dim=1)
