"""The item encoder as one ONNX graph: backbone and projection, from a picture and a text to the vector that ranks.

Dimensions: B items, S pixels, L tokens, F width of the backbone's vectors, D width of item vectors.
"""

from pathlib import Path
from typing import Any

import torch
from optimum.exporters.base import ExporterConfig
from optimum.utils import DummyInputGenerator, NormalizedConfig
from torch import nn

from molar.export.graphs import export_graph
from molar.train.backbones.reading import ItemBatch, PictureTextBackbone
from molar.train.item_encoder import ItemEncoder


class ItemEncoderGraph(nn.Module):
    """Pixels and token ids -> item vectors.

    Args:
        backbone: in evaluation mode, float32.
        item_encoder: of the trained model.
    """

    def __init__(self, backbone: PictureTextBackbone, item_encoder: ItemEncoder) -> None:
        super().__init__()
        self.backbone = backbone
        self.item_encoder = item_encoder

    def forward(
        self, pixels: torch.Tensor, has_picture: torch.Tensor, token_ids: torch.Tensor, token_mask: torch.Tensor
    ) -> torch.Tensor:
        """Item vectors (B, D); the inputs are those of `engine.item_reader.ItemInputs`.

        Args:
            pixels: (B, 3, S, S) float32, any values where there is no picture.
            has_picture: (B,) bool.
            token_ids: (B, L) int64, padded on the right.
            token_mask: (B, L) int64.
        """
        batch = ItemBatch(self.backbone.see(pixels), has_picture, token_ids, token_mask)
        vectors: torch.Tensor = self.item_encoder(self.backbone.embed(batch))  # type: ignore[operator]
        return vectors


class _ItemInputs(DummyInputGenerator):  # type: ignore[misc]
    """Example inputs of two items, one of them with padding and without a picture."""

    SUPPORTED_INPUT_NAMES = ("pixels", "has_picture", "token_ids", "token_mask")

    def __init__(self, task: str, normalized_config: NormalizedConfig, **_: Any) -> None:
        self.size = normalized_config.config["image_size"]

    def generate(
        self, input_name: str, framework: str = "pt", int_dtype: str = "int64", float_dtype: str = "fp32"
    ) -> torch.Tensor:
        if input_name == "pixels":
            return torch.rand(2, 3, self.size, self.size, generator=torch.Generator().manual_seed(0))
        if input_name == "has_picture":
            return torch.tensor([True, False])
        if input_name == "token_ids":
            return torch.arange(1, 15).view(2, 7)
        return torch.tensor([[1] * 7, [1] * 4 + [0] * 3])


class ItemEncoderExporterConfig(ExporterConfig):  # type: ignore[misc]
    """Inputs, outputs and dynamic axes of `item_encoder.onnx`."""

    NORMALIZED_CONFIG_CLASS = NormalizedConfig
    DUMMY_INPUT_GENERATOR_CLASSES = (_ItemInputs,)

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Input name -> axis -> its name."""
        return {
            "pixels": {0: "batch"},
            "has_picture": {0: "batch"},
            "token_ids": {0: "batch", 1: "tokens"},
            "token_mask": {0: "batch", 1: "tokens"},
        }

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """Output name -> axis -> its name; "embedding" would collide with a name inside the graph."""
        return {"item_vector": {0: "batch"}}


def export_item_encoder(backbone: PictureTextBackbone, item_encoder: ItemEncoder, path: Path) -> None:
    """Write the float32 graph, checked by onnx.

    Args:
        backbone: on the CPU, in evaluation mode; adapters merged.
        item_encoder: of the trained model.
        path: of the ONNX file.
    """
    facts = backbone.reader.preprocessing
    exporter = ItemEncoderExporterConfig({"image_size": facts.image_size}, task="feature-extraction")
    prompt = backbone.reader.read_texts([""])[0].shape[1]
    proto = export_graph(
        ItemEncoderGraph(backbone, item_encoder).eval(), exporter, {"tokens": (1, facts.text_tokens + prompt)}
    )
    path.write_bytes(proto.SerializeToString())
