"""What all encoders share that read pictures with a frozen vision tower of ours: batches, and how items get into them.

Dimensions: B items, S pixels, V visual tokens, C channels of the vision tower, L text tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F

from molar.engine.item_reader import ItemReader, Preprocessing
from molar.train.processes import Share


@dataclass(frozen=True)
class ItemBatch:
    """B items.

    Attributes:
        visual: (B, V, C) pooled grid, any values where there is no picture.
        has_picture: (B,) bool.
        token_ids: (B, L) int64.
        token_mask: (B, L) int64.
    """

    visual: torch.Tensor
    has_picture: torch.Tensor
    token_ids: torch.Tensor
    token_mask: torch.Tensor

    def to(self, device: torch.device) -> "ItemBatch":
        """The same batch on another device."""
        return ItemBatch(*(part.to(device) for part in vars(self).values()))


@dataclass(frozen=True)
class TargetBatch:
    """B texts to be written: ids and mask, each (B, L) int64."""

    token_ids: torch.Tensor
    token_mask: torch.Tensor

    def to(self, device: torch.device) -> "TargetBatch":
        """The same batch on another device."""
        return TargetBatch(self.token_ids.to(device), self.token_mask.to(device))

    def share(self, share: Share) -> "TargetBatch":
        """One process' texts."""
        return TargetBatch(share.of(self.token_ids), share.of(self.token_mask))


class PictureTextBackbone(nn.Module):
    """A vision tower that stays as it is, and a reader of items.

    Args:
        vision: has `grid(pixels)` -> (B, C, G, G).
        channels: C.
        visual_side: the grid is pooled to so many visual tokens a side.
        tokenizer: of the language model.
        preprocessing: how items become inputs.
    """

    caches_vision = True

    def __init__(
        self, vision: nn.Module, channels: int, visual_side: int, tokenizer: Tokenizer, preprocessing: Preprocessing
    ) -> None:
        super().__init__()
        self.vision = vision
        self.channels = channels
        self.visual_side = visual_side
        self.tokenizer = tokenizer
        self.reader = ItemReader(tokenizer, preprocessing)

    def train(self, mode: bool = True) -> "PictureTextBackbone":
        """As in torch; the vision tower stays in evaluation mode."""
        super().train(mode)
        self.vision.eval()
        return self

    def see(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) -> (B, V, C): the frozen part of what is done with a picture."""
        grid = self.vision.grid(pixels)  # type: ignore[operator]
        return F.adaptive_avg_pool2d(grid, self.visual_side).flatten(2).transpose(1, 2)

    def read(self, texts: Sequence[str], pictures: Sequence[Image.Image | torch.Tensor | None]) -> ItemBatch:
        """Items as a batch on the CPU; a picture may be given as what `see` said of it, (V, C)."""
        token_ids, token_mask = self.reader.read_texts(texts)
        has_picture = torch.tensor([picture is not None for picture in pictures], dtype=torch.bool)
        visual = torch.zeros(len(texts), self.visual_side**2, self.channels)
        shown = [picture for picture in pictures if picture is not None]
        if shown and isinstance(shown[0], torch.Tensor):
            visual[has_picture] = torch.stack(shown).float()  # type: ignore[arg-type]
        elif shown:
            device = next(self.vision.parameters()).device
            with torch.no_grad():
                seen = self.see(torch.from_numpy(self.reader.read_pictures(shown)).to(device))  # type: ignore[arg-type]
            visual[has_picture] = seen.float().cpu()
        return ItemBatch(visual, has_picture, torch.from_numpy(token_ids), torch.from_numpy(token_mask))

    def picture_part(self, batch: ItemBatch) -> torch.Tensor:
        """(B, C) the picture as the vision tower alone sees it, of unit length; zeros where there is none."""
        return F.normalize(batch.visual.float().mean(dim=1), dim=-1) * batch.has_picture[:, None]
