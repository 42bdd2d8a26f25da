"""Patterns of cloth, rugs, glazes and prints as pictures: each is a map of labels, and each label has a colour."""

from collections.abc import Callable, Sequence

import numpy as np

from molar.assets.studio.palette import srgb

Grid = np.ndarray
"""(height, width)."""


def pattern(name: str, colors: Sequence[str], repeats: float, width: int, height: int, seed: int = 0) -> np.ndarray:
    """A pattern in sRGB.

    Args:
        name: of `PATTERNS`.
        colors: the ground first.
        repeats: over the width; patterns that are scattered have none.
        width: in pixels; patterns repeat seamlessly in it.
        height: likewise.
        seed: of those that are scattered.

    Returns:
        (height, width, 3) from 0 to 1.
    """
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height * height / width)
    labels = PATTERNS[name](u * repeats, v * repeats, np.random.default_rng(seed))
    return np.array([srgb(color) for color in colors])[labels % len(colors)]


def _zigzag(x: Grid) -> Grid:
    return np.abs((x % 1) - 0.5) * 2


def _stripes(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    return ((x % 1) < 0.5).astype(int)


def _bands(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    place = y % 1
    return np.where(place < 0.34, 1, np.where((place > 0.46) & (place < 0.54), 2, 0))


def _pinstripes(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    return ((x * 2 % 1) < 0.17).astype(int)


def _checks(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    return (((x % 1) < 0.5) ^ ((y % 1) < 0.5)).astype(int)


def _tartan(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    wide = ((x % 1) < 0.35).astype(int) + ((y % 1) < 0.35)
    thin = ((np.abs(x % 1 - 0.68) < 0.03) | (np.abs(y % 1 - 0.68) < 0.03)).astype(int)
    return np.where(thin == 1, 3, wide)


def _grid(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    return (((x % 1) < 0.07) | ((y % 1) < 0.07)).astype(int)


def _chevron(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    return ((y * 1.5 + _zigzag(x) * 0.5) % 1 < 0.45).astype(int)


def _dots(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    across = (x * 1.5 + np.floor(y * 1.5) % 2 * 0.5) % 1 - 0.5
    return (across**2 + (y * 1.5 % 1 - 0.5) ** 2 < 0.06).astype(int)


def _diamonds(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    distance = _zigzag(x) + _zigzag(y)
    return np.where(distance < 0.5, 2, np.where((distance > 0.8) & (distance < 1.05), 1, 0))


def _kilim(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    return np.floor((_zigzag(x) + _zigzag(y * 0.75)) * 5).astype(int)


def _fans(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """Scallops in rows, each over the one above."""
    found = np.full(x.shape, -1.0)
    for row in range(int(y.max() * 2) + 3):
        shift = 0.5 * (row % 2)
        distance = np.hypot(x - np.floor(x - shift + 0.5) - shift, y - row * 0.5 + 0.25)
        found = np.where((found < 0) & (distance <= 0.52), distance, found)
    return np.where(found < 0, 0, np.floor(found / 0.5 * 4 + 0.35).astype(int) % 2)


def _arches(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    up = y % 1
    across = (x + 0.5 * (np.floor(y) % 2)) % 1 - 0.5
    distance = np.where(up > 0.25, np.hypot(across, up - 0.25), np.abs(across))
    inside = (up > 0.08) & (distance < 0.44) & (distance % 0.11 > 0.022)
    return np.where(inside, 1 + np.floor(distance / 0.11).astype(int) % 3, 0)


def _pebbles(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """Large soft shapes; they end before the edges."""
    labels = np.zeros(x.shape, int)
    wide, high = x.max(), y.max()
    for number in range(9):
        size = rng.uniform(0.09, 0.2) * wide
        at_x, at_y = rng.uniform(0.2, 0.8) * wide, rng.uniform(0.2, 0.8) * high
        angle = np.arctan2(y - at_y, x - at_x)
        edge = size * (1 + 0.22 * np.sin(2 * angle + rng.uniform(0, 6)) + 0.12 * np.sin(3 * angle + rng.uniform(0, 6)))
        labels = np.where(np.hypot(x - at_x, y - at_y) < edge, 1 + number % 3, labels)
    return labels


def _leaves(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    across, up = (x + 0.5 * (np.floor(y) % 2)) % 1 - 0.5, y % 1 - 0.5
    labels = ((np.abs(across) < 0.018) & (np.abs(up) < 0.42)).astype(int)
    for start in (-0.3, -0.1, 0.1, 0.3):
        for side in (-1, 1):
            along = across * side - 0.03
            off = np.abs(up - start - along * 0.9)
            width = 0.09 * np.sin(np.clip(along / 0.26, 0, 1) * np.pi)
            labels = np.where((along > 0) & (along < 0.26) & (off < width), 1, labels)
    return labels


def _rays(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """Rising suns, as in the twenties."""
    up = y % 1
    across = (x + 0.5 * (np.floor(y) % 2)) % 1 - 0.5
    beam = np.floor((np.arctan2(across, up + 0.02) + np.pi) / (np.pi / 9)).astype(int) % 2
    return np.where(np.hypot(across, up) < 0.16, 2, beam)


def _greek(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """Nested squares."""
    distance = np.maximum(np.abs(x % 1 - 0.5), np.abs(y % 1 - 0.5))
    return (np.floor(distance * 10).astype(int) % 2 == 0).astype(int)


def _border(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    edge = np.minimum(np.minimum(x, x.max() - x), np.minimum(y, y.max() - y)) / x.max()
    return np.where((edge > 0.06) & (edge < 0.09), 1, np.where((edge > 0.12) & (edge < 0.13), 2, 0))


def _medallion(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    wide = x.max()
    across, up = x / wide - 0.5, (y - y.max() / 2) / wide
    radius = np.hypot(across, up) * (1 + 0.08 * np.cos(12 * np.arctan2(up, across)))
    edge = np.minimum(np.minimum(x, wide - x), np.minimum(y, y.max() - y)) / wide
    return np.where(edge < 0.09, np.floor(edge / 0.03), np.floor(radius * 11)).astype(int)


def _print(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """A poster: a sun, hills before it, each print with its own."""
    wide, high = x.max(), y.max()
    a, b = x / wide, y / high
    sun = np.hypot(a - rng.uniform(0.3, 0.7), (b - rng.uniform(0.6, 0.75)) * high / wide) < rng.uniform(0.13, 0.2)
    labels = np.where(sun, 1, 0)
    for number in range(3):
        top = 0.5 - 0.14 * number + rng.uniform(0.03, 0.09) * np.sin(a * rng.uniform(3, 7) + rng.uniform(0, 6))
        labels = np.where(b < top, 2 + number % 2, labels)
    return labels


def _lines(x: Grid, y: Grid, rng: np.random.Generator) -> Grid:
    """A poster: one line that wanders in loops."""
    wide, high = x.max(), y.max()
    t = np.linspace(0, 2 * np.pi, 160)
    turns = rng.integers(2, 5, 2)
    at_x = wide * (0.5 + 0.3 * np.sin(turns[0] * t + rng.uniform(0, 6)) * np.cos(t))
    at_y = high * (0.5 + 0.3 * np.cos(turns[1] * t + rng.uniform(0, 6)) * np.sin(t + 1))
    near = np.full(x.shape, np.inf)
    for px, py in zip(at_x, at_y, strict=True):
        near = np.minimum(near, np.hypot(x - px, y - py))
    return np.where(near < 0.014 * wide, 1, np.where(np.hypot(x - wide * 0.5, y - high * 0.45) < wide * 0.22, 2, 0))


PATTERNS: dict[str, Callable[[Grid, Grid, np.random.Generator], Grid]] = {
    "stripes": _stripes, "bands": _bands, "pinstripes": _pinstripes, "checks": _checks, "tartan": _tartan,
    "grid": _grid, "chevron": _chevron, "dots": _dots, "diamonds": _diamonds, "kilim": _kilim, "fans": _fans,
    "arches": _arches, "pebbles": _pebbles, "leaves": _leaves, "rays": _rays, "greek": _greek, "border": _border,
    "medallion": _medallion, "print": _print, "lines": _lines,
}  # fmt: skip
