"""The materials and reliefs that a design asks for."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.palette import METALS, PAINTED, WEAVES, WOODS
from molar.assets.studio.rendering import fabrics, materials
from molar.assets.studio.rendering.geometry import Radial, lathe
from molar.assets.studio.rendering.outlines import hollow
from molar.assets.studio.rendering.patterns import PATTERNS, pattern


def body(design: Design, repeats: float = 6, ratio: float = 1.0, dip_at: float = 0.5, threads: float = 110) -> Any:
    """What its body is made of.

    Args:
        design: of the product.
        repeats: of its pattern around or across it.
        ratio: height of a pattern beside its width.
        dip_at: height at which a second glaze begins.
        threads: of cloth in one unit.
    """
    material, color = design.material, design.color
    picture = picture_of(design, repeats, ratio) if design.pattern in PATTERNS else None
    if material == "ceramic":
        speckle = design.accent if design.pattern == "speckled" else ""
        dip = design.accent if design.pattern == "dipped" else ""
        return materials.ceramic(color, design.finish, speckle, dip, dip_at, picture)
    if material in WEAVES:
        return fabrics.fabric(color, material, picture, threads)
    return plain(material, color, design.seed)


def plain(material: str, color: str, seed: int = 0, axis: str = "Z") -> Any:
    """A material without a pattern; those with colours of their own ignore it."""
    if material in WOODS:
        return materials.wood(material, axis, 1.3, seed)
    if material in METALS or material in PAINTED:
        return materials.metal(material)
    makers: dict[str, Callable[[], Any]] = {
        "clay": lambda: materials.clay(color),
        "concrete": lambda: materials.concrete(color),
        "glass": lambda: materials.glass(color),
        "marble": lambda: materials.marble(),
        "black marble": lambda: materials.marble(dark=True),
        "rattan": lambda: materials.fibre(color),
        "leather": lambda: fabrics.leather(color),
        "wax": lambda: materials.wax(color),
        "paint": lambda: materials.paint(color, 0.4),
        "lacquer": lambda: materials.paint(color, 0.18, 0.6),
    }
    return makers[material]() if material in makers else fabrics.fabric(color, material)


def frame(design: Design, axis: str = "Z") -> Any:
    """What its legs, handles or rims are made of."""
    return plain(design.frame, "#c49a5c" if design.frame == "rattan" else "#8a5a36", design.seed, axis)


def picture_of(design: Design, repeats: float, ratio: float = 1.0, width: int = 1024) -> np.ndarray:
    """Its pattern in sRGB, (width * ratio, width, 3)."""
    colors = [design.color, design.accent, design.third, design.accent]
    return pattern(design.pattern, colors, repeats, width, max(8, round(width * ratio)), design.seed)


def radial(design: Design) -> Radial | None:
    """How the radius of a turned body varies around it."""
    number = {"flutes": 20, "ribs": 36, "facets": 10}.get(design.relief, 0)
    wide = 2 * math.pi / number if number else 0.0
    reliefs: dict[str, Radial] = {
        "wobble": _wobble(design.seed),
        "flutes": lambda a, z: 1 + 0.05 * (abs(math.sin(a * number / 2)) - 0.5),
        "ribs": lambda a, z: 1 + 0.018 * math.cos(a * number),
        "facets": lambda a, z: math.cos(wide / 2) / math.cos(a % wide - wide / 2),
    }
    return reliefs.get(design.relief)


def sized(design: Design, outline: np.ndarray) -> np.ndarray:
    """A profile at the design's proportions."""
    return outline * np.array([design.girth, design.height])


def vessel(
    design: Design, outer: np.ndarray, wall: float = 0.035, repeats: float = 7, floor: float | None = None
) -> Any:
    """A turned vessel with that outside (already sized), in the body's material and relief."""
    outline = hollow(outer, wall, floor)
    length = np.linalg.norm(np.diff(outline, axis=0), axis=1).sum()
    ratio = length / (2 * math.pi * outline[:, 0].max())
    low, high = outer[:, 1].min(), outer[:, 1].max()
    material = body(design, repeats, ratio, low + (high - low) * 0.5)
    return lathe(outline, material, radial(design), 192 if design.relief else 128)


def radius_at(outline: np.ndarray, height: float) -> float:
    """Of a profile that rises."""
    return float(np.interp(height, outline[:, 1], outline[:, 0]))


def _wobble(seed: int, amount: float = 0.012) -> Radial:
    """How a hand-thrown vessel's radius varies."""
    a, b, c, _ = np.random.default_rng(seed).uniform(0, 2 * math.pi, 4)
    return lambda t, z: (
        1 + amount * (math.sin(2 * t + a + z) + 0.6 * math.sin(3 * t + b - 1.7 * z) + 0.35 * math.sin(11 * z + c))
    )
