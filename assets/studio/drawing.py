"""A small studio for drawn product pictures: turned shapes, flat shapes, light from the left, a soft shadow.

Coordinates run from 0 to 100 in both directions, y downwards; the floor is at y = 84.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Color = tuple[int, int, int]
Point = tuple[float, float]

SIZE = 400
_SCALE = 3  # drawn three times as large and scaled down, for smooth edges
_SIDE = SIZE * _SCALE
_UNIT = _SIDE / 100
FLOOR = 84.0


def mix(first: Color, second: Color, share: float) -> Color:
    """A colour between two; `share` of the second."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))  # type: ignore[return-value]


def smooth(points: Sequence[Point], steps: int = 24) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    padded = np.array([points[0], *points, points[-1]], dtype=float)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        curve.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return [tuple(p) for p in np.concatenate([*curve, padded[-1:]])]


class Studio:
    """One picture in the making.

    Args:
        backdrop: colour of wall and floor.
        rng: draws the grain of surfaces.
    """

    def __init__(self, backdrop: Color, rng: np.random.Generator) -> None:
        self.rng = rng
        ramp = np.linspace(1.03, 0.93, _SIDE)[:, None, None] * np.ones((_SIDE, _SIDE, 3))
        self.image = Image.fromarray((np.array(backdrop) * ramp).clip(0, 255).astype(np.uint8))

    def finish(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)

    def shadow(self, center: float, width: float, y: float = FLOOR, depth: float = 4.5, strength: int = 105) -> None:
        """A soft shadow on the floor, falling to the right."""
        mask = Image.new("L", (_SIDE, _SIDE))
        box = [center - width / 2, y - depth * 0.7, center + width * 0.68, y + depth * 0.7]
        ImageDraw.Draw(mask).ellipse([v * _UNIT for v in box], fill=strength)
        self.image.paste((52, 46, 42), mask=mask.filter(ImageFilter.GaussianBlur(2.2 * _UNIT)))

    def polygon(self, points: Sequence[Point], color: Color, shade: float = 0.5, grain: float = 0.0) -> Image.Image:
        """A filled outline; `shade` is how round it looks, `grain` how rough. Returns its mask."""
        mask = Image.new("L", (_SIDE, _SIDE))
        ImageDraw.Draw(mask).polygon([(x * _UNIT, y * _UNIT) for x, y in points], fill=255)
        self._fill(mask, color, shade, grain)
        return mask

    def ellipse(self, box: Sequence[float], color: Color, shade: float = 0.0) -> Image.Image:
        """A filled ellipse in (left, top, right, bottom). Returns its mask."""
        mask = Image.new("L", (_SIDE, _SIDE))
        ImageDraw.Draw(mask).ellipse([v * _UNIT for v in box], fill=255)
        self._fill(mask, color, shade, 0.0)
        return mask

    def line(self, points: Sequence[Point], width: float, color: Color) -> None:
        """A line with round joints, lit along its upper left."""
        draw = ImageDraw.Draw(self.image)
        for offset, size, tone in ((0.0, width, mix(color, (0, 0, 0), 0.22)), (-0.14 * width, width * 0.68, color)):
            path = [((x + offset) * _UNIT, (y + offset) * _UNIT) for x, y in points]
            draw.line(path, fill=tone, width=max(1, round(size * _UNIT)), joint="curve")
            radius = size * _UNIT / 2
            for x, y in (path[0], path[-1]):
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=tone)

    def turned(self, profile: Sequence[Point], color: Color, center: float = 50, grain: float = 0.0) -> Image.Image:
        """A body turned on a lathe: `profile` is (radius, y) from top to bottom. Returns its mask."""
        curve = smooth(profile)
        bottom_radius, bottom = curve[-1]
        arc = np.linspace(0, np.pi, 40)
        base = [(center + bottom_radius * np.cos(a), bottom + bottom_radius * 0.16 * np.sin(a)) for a in arc]
        outline = [(center + r, y) for r, y in curve] + base + [(center - r, y) for r, y in reversed(curve)]
        return self.polygon(outline, color, shade=1.0, grain=grain)

    def opening(self, radius: float, y: float, inside: Color, rim: Color, center: float = 50) -> None:
        """The mouth of a turned body."""
        depth = radius * 0.17
        self.ellipse([center - radius, y - depth, center + radius, y + depth], mix(rim, (255, 255, 255), 0.15))
        inner = radius * 0.92
        self.ellipse([center - inner, y - depth * 0.78, center + inner, y + depth * 0.9], inside, 0.6)

    def within(self, mask: Image.Image, points: Sequence[Point], color: Color, shade: float = 1.0) -> None:
        """Paint a polygon only where `mask` is: bands, stripes and labels on a body."""
        part = Image.new("L", (_SIDE, _SIDE))
        ImageDraw.Draw(part).polygon([(x * _UNIT, y * _UNIT) for x, y in points], fill=255)
        self._fill(ImageChops.multiply(part, mask), color, shade, 0.0, like=mask)

    def speckle(self, mask: Image.Image, color: Color, count: int) -> None:
        """Specks of glaze where `mask` is."""
        left, top, right, bottom = mask.getbbox() or (0, 0, 1, 1)
        dots = Image.new("L", (_SIDE, _SIDE))
        draw = ImageDraw.Draw(dots)
        for x, y, r in zip(
            self.rng.uniform(left, right, count),
            self.rng.uniform(top, bottom, count),
            self.rng.uniform(0.15, 0.5, count) * _UNIT,
            strict=True,
        ):
            draw.ellipse([x - r, y - r, x + r, y + r], fill=200)
        self.image.paste(color, mask=ImageChops.multiply(dots, mask))

    def _fill(
        self, mask: Image.Image, color: Color, shade: float, grain: float, like: Image.Image | None = None
    ) -> None:
        bounds = (like or mask).getbbox()
        area = mask.getbbox()
        if bounds is None or area is None:
            return
        # Light on a round body: brightest left of the middle, darkest at the right edge.
        x = np.clip((np.arange(area[0], area[2]) - bounds[0]) / max(bounds[2] - bounds[0], 1), 0, 1)
        light = 1 + shade * (
            0.16 * np.exp(-(((x - 0.3) / 0.16) ** 2)) - 0.10 * (1 - x) ** 4 - 0.42 * np.clip(x - 0.42, 0, 1) ** 1.4
        )
        pixels = np.array(color) * light[None, :, None] * np.ones((area[3] - area[1], 1, 1))
        if grain:
            noise = Image.fromarray(
                self.rng.integers(0, 255, (pixels.shape[0] // 3 + 1, pixels.shape[1] // 9 + 1), dtype=np.uint8)
            )
            texture = np.asarray(
                noise.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BICUBIC), dtype=float
            )
            pixels *= 1 + grain * (texture[..., None] / 255 - 0.5)
        surface = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        self.image.paste(surface, area[:2], mask.crop(area))
