"""Small multimodal encoders that need no model hub: a language model that reads a frozen vision tower's grid.

The grid is pooled to a few visual tokens, a projector maps them into the language model's embeddings (as in LLaVA,
arXiv 2304.08485), and the state of a learned embedding token is what the model says of the item.

Dimensions: B items, V visual tokens, C channels of the vision tower, L text tokens, D width of the language model.
"""

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F

from molar.engine.item_reader import Preprocessing
from molar.engine.text import TextReader
from molar.train.backbones.reading import ItemBatch, PictureTextBackbone, TargetBatch

_VISUAL_SIDE = 3  # 9 visual tokens cost a quarter of what the full 7 x 7 grid costs
_MASKED_SHARE = 0.5  # of a target's tokens, where a bidirectional model restores them
_SPAN = 3  # tokens that are masked together


class SmallBackbone(PictureTextBackbone):
    """What the causal and the bidirectional encoder share.

    An item vector has two parts: what the language model makes of picture and text, and, past the language model, the
    picture as the frozen vision tower sees it. Without this second path an encoder that was fine-tuned on posters
    tells photographs of clothes apart less well than its vision tower does.

    Args:
        language: of transformers.
        vision: frozen; has `grid(pixels)` -> (B, C, G, G).
        channels: C.
        tokenizer: of the language model.
        preprocessing: how items become inputs.
        end_token: closes a text that the model is to write; empty where there is none.
    """

    def __init__(
        self,
        language: nn.Module,
        vision: nn.Module,
        channels: int,
        tokenizer: Tokenizer,
        preprocessing: Preprocessing,
        end_token: str,
    ) -> None:
        super().__init__(vision, channels, _VISUAL_SIDE, tokenizer, preprocessing)
        self.language = self.pretrained = language
        self.words: nn.Embedding = language.get_input_embeddings()  # type: ignore[operator]
        self.width = self.words.embedding_dim
        self.parts = (self.width, channels)
        self.dim = sum(self.parts)
        most = preprocessing.text_tokens
        self.read_target_texts = TextReader(tokenizer, "", end_token, most, preprocessing.padding_id)
        scale = float(self.words.weight.detach().float().std())  # of what the language model is used to read
        self.projector = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, self.width))
        # An item vector as the first token of the text that it is to be written out as.
        self.vector_to_token = nn.Linear(self.width, self.width)
        for layer in (self.projector[-1], self.vector_to_token):
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=scale / layer.in_features**0.5)
            nn.init.zeros_(layer.bias)
        self.embedding_token = nn.Parameter(torch.randn(self.width) * scale)

    def read_targets(self, texts: Sequence[str], max_tokens: int) -> TargetBatch:
        """Texts for `text_loss`, each cut at so many tokens, without the prompt."""
        ids, mask = self.read_target_texts(texts, max_tokens)
        return TargetBatch(torch.from_numpy(ids), torch.from_numpy(mask))


class CausalBackbone(SmallBackbone):
    """[visual tokens][prompt and text][embedding token], read from left to right by a causal language model."""

    def embed(self, batch: ItemBatch) -> torch.Tensor:
        """Item vectors (B, D + C): the embedding token's last hidden state, and the picture as it was seen."""
        visual = self.projector(batch.visual)
        words = self.words(batch.token_ids)
        ending = self.embedding_token.to(words.dtype).expand(words.shape[0], 1, -1)
        x = torch.cat([visual.to(words.dtype), words, ending], dim=1)  # (B, V + L + 1, D)
        seen = batch.has_picture[:, None].to(batch.token_mask.dtype).expand(-1, visual.shape[1])
        mask = torch.cat([seen, batch.token_mask, torch.ones_like(batch.token_mask[:, :1])], dim=1)
        positions = (mask.cumsum(1) - 1).clamp(min=0)  # padding takes no place
        states = self.language.model(  # type: ignore[operator]
            inputs_embeds=x, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state
        return torch.cat([states[:, -1].float(), self.picture_part(batch)], dim=1)

    def text_loss(self, vectors: torch.Tensor, targets: TargetBatch) -> torch.Tensor:
        """Mean cross-entropy of the targets' tokens, written one after the other from the vector alone.

        Args:
            vectors: (B, D), the first part of what `embed` gives.
            targets: of `read_targets`.
        """
        language: Any = self.language
        return causal_text_loss(self.words, language.model, language.lm_head, self.vector_to_token(vectors), targets)


def causal_text_loss(
    words: nn.Embedding, decoder: nn.Module, head: nn.Module, first: torch.Tensor, targets: TargetBatch
) -> torch.Tensor:
    """Mean cross-entropy of texts that are written after one token.

    Args:
        words: embeddings of tokens.
        decoder: reads embeddings from left to right.
        head: states -> logits.
        first: (B, D), the token that says what to write.
        targets: the texts.
    """
    x = torch.cat([first[:, None], words(targets.token_ids[:, :-1]).to(first.dtype)], dim=1)
    states = decoder(inputs_embeds=x.to(words.weight.dtype), use_cache=False).last_hidden_state
    wanted = targets.token_mask.bool()
    return F.cross_entropy(head(states[wanted]).float(), targets.token_ids[wanted])


class BidirectionalBackbone(SmallBackbone):
    """[embedding token][visual tokens][prompt and text], each token reading all.

    The item vector is the mean of all last hidden states, the embedding token's among them: MiniLM was trained to be
    read so.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.restore = nn.Sequential(nn.Linear(self.width, self.width), nn.GELU(), nn.LayerNorm(self.width))
        self.restore_bias = nn.Parameter(torch.zeros(self.words.num_embeddings))
        mask_id = self.tokenizer.token_to_id("[MASK]")
        self.mask_id = 0 if mask_id is None else int(mask_id)

    def embed(self, batch: ItemBatch) -> torch.Tensor:
        """Item vectors (B, D + C): the mean of the last hidden states, and the picture as it was seen."""
        visual = self.projector(batch.visual)
        words = self.words(batch.token_ids)
        first = self.embedding_token.to(words.dtype).expand(words.shape[0], 1, -1)
        x = torch.cat([first, visual.to(words.dtype), words], dim=1)  # (B, 1 + V + L, D)
        seen = batch.has_picture[:, None].to(batch.token_mask.dtype).expand(-1, visual.shape[1])
        mask = torch.cat([torch.ones_like(batch.token_mask[:, :1]), seen, batch.token_mask], dim=1)
        states = self.language(inputs_embeds=x, attention_mask=mask).last_hidden_state.float()
        weights = mask[:, :, None].float()
        return torch.cat([(states * weights).sum(1) / weights.sum(1), self.picture_part(batch)], dim=1)

    def text_loss(self, vectors: torch.Tensor, targets: TargetBatch) -> torch.Tensor:
        """Mean cross-entropy of masked spans of the targets, restored from the vector and from what is not masked.

        Args:
            vectors: (B, D), the first part of what `embed` gives.
            targets: of `read_targets`.
        """
        ids, kept = targets.token_ids, targets.token_mask.bool()
        starts = torch.rand(ids.shape[0], -(-ids.shape[1] // _SPAN), device=ids.device) < _MASKED_SHARE
        hidden = starts.repeat_interleave(_SPAN, dim=1)[:, : ids.shape[1]] & kept
        hidden[:, 0] |= ~hidden.any(dim=1)  # something is asked of every text
        shown = torch.where(hidden, self.mask_id, ids)
        words = self.words(shown)
        x = torch.cat([self.vector_to_token(vectors)[:, None].to(words.dtype), words], dim=1)
        mask = torch.cat([torch.ones_like(ids[:, :1]), targets.token_mask], dim=1)
        states = self.language(inputs_embeds=x, attention_mask=mask).last_hidden_state[:, 1:]
        logits = F.linear(self.restore(states[hidden]), self.words.weight, self.restore_bias)
        return F.cross_entropy(logits.float(), ids[hidden])
