"""Planters, candles, candlesticks and baskets."""

import math

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.geometry import bulb, lathe, rod, surface, text, tube
from molar.assets.studio.rendering.materials import fibre, glow, leaf, paint, wax
from molar.assets.studio.rendering.outlines import around, profile, rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import body, frame, plain, radial, radius_at, sized, vessel

_PLANTERS = {
    "tapered": [(0, 0), (0.38, 0), (0.41, 0.04), (0.48, 0.4), (0.55, 0.8)],
    "bowl": [(0, 0), (0.3, 0), (0.56, 0.2), (0.62, 0.5), (0.58, 0.7)],
    "cylinder": [(0, 0), (0.47, 0), (0.5, 0.04), (0.5, 0.45), (0.5, 0.85)],
    "on legs": [(0, 0), (0.47, 0), (0.5, 0.04), (0.5, 0.4), (0.5, 0.78)],
    "egg": [(0, 0), (0.28, 0), (0.5, 0.24), (0.54, 0.52), (0.42, 0.82)],
}
_STICKS = {
    "column": [(0, 0), (0.34, 0), (0.34, 0.05), (0.1, 0.09), (0.08, 0.2), (0.08, 1.0), (0.17, 1.06), (0.17, 1.14)],
    "turned": [(0, 0), (0.32, 0), (0.32, 0.06), (0.12, 0.16), (0.22, 0.32), (0.1, 0.46), (0.16, 0.7),
        (0.08, 0.9), (0.17, 1.02), (0.17, 1.1)],
    "chamber": [(0, 0), (0.5, 0), (0.56, 0.1), (0.5, 0.06), (0.14, 0.06), (0.12, 0.14), (0.16, 0.3), (0.16, 0.36)],
    "cone": [(0, 0), (0.4, 0), (0.38, 0.05), (0.16, 0.6), (0.1, 0.9), (0.15, 0.98)],
    "beads": [(0, 0), (0.3, 0), (0.3, 0.05), (0.08, 0.1), (0.18, 0.2), (0.08, 0.3), (0.18, 0.4), (0.08, 0.5),
        (0.18, 0.6), (0.08, 0.7), (0.16, 0.8)],
}  # fmt: skip
_BASKETS = {
    "round": [(0.42, 0), (0.6, 0.18), (0.68, 0.5), (0.62, 0.85), (0.56, 0.98)],
    "straight": [(0.52, 0), (0.56, 0.1), (0.6, 0.5), (0.63, 1.0), (0.64, 1.15)],
    "belly": [(0.36, 0), (0.66, 0.25), (0.76, 0.6), (0.6, 0.95), (0.5, 1.05)],
    "low": [(0.62, 0), (0.72, 0.12), (0.78, 0.3), (0.8, 0.46)],
    "bottle": [(0.5, 0), (0.66, 0.2), (0.6, 0.6), (0.44, 0.9), (0.4, 1.2), (0.44, 1.3)],
}


def planter(design: Design) -> View:
    """With a plant: which one goes by the seed."""
    outer = sized(design, profile(_PLANTERS[design.form]))
    if design.form == "on legs":
        outer = outer + np.array([0, 0.5])
        legs = frame(design)
        corners = around(4, 0.54 * design.girth, math.pi / 4)
        for x, y in corners:
            rod((x, y, 0), (x, y, 0.95), 0.03, 0.036, legs)
        for a, b in zip(corners[:2], corners[2:], strict=True):
            rod((*a, 0.46), (*b, 0.46), 0.026, 0.026, legs)
    vessel(design, outer, 0.045)
    rim, top = outer[-1] - np.array([0.05, 0.08])
    lathe([(0, top), (radius_at(outer, top) - 0.045, top - 0.01)], fibre("#3a2a1f"))
    (_snake_plant, _rubber_tree, _spider_plant, _succulent)[design.seed % 4](
        rim, top, np.random.default_rng(design.seed)
    )
    return View(up=11, fill=0.84)


def candle(design: Design) -> View:
    """Burning: in a glass or pot with a label, in a tin, or free."""
    melt, ink = wax(design.accent), paint("#2b2724", 0.6)
    if design.form == "pillar":
        outline = rounded([(0, 0), (0.36, 0), (0.36, 1.0), (0.28, 0.98), (0, 0.97)], 0.05)
        lathe(sized(design, outline), wax(design.color), radial(design), 160)
        lathe(rounded([(0, -0.1), (0.5, -0.1), (0.62, -0.02), (0.58, 0.0), (0, 0.0)], 0.03), frame(design))
        _flame(0.97 * design.height)
        return View(up=14, fill=0.7)
    if design.form == "trio":
        for (x, y), height in zip(around(3, 0.4, 0.4), (1.0, 0.66, 0.82), strict=True):
            outline = np.array(
                [(0, 0), (0.27, 0), (0.29, 0.03), (0.29, height - 0.03), (0.25, height), (0, height - 0.03)]
            )
            lathe(outline, wax(design.color), radial(design), 128, at=(x, y, 0))
            _flame(height - 0.03, x, y, 1.2)
        return View(up=18, fill=0.74)
    low = design.form == "tin"
    wide, high = design.girth, (0.62 if low else 1.0) * design.height
    outer = profile([(0, 0), (0.40 * wide, 0), (0.44 * wide, 0.04), (0.445 * wide, 0.5 * high), (0.45 * wide, high)], 8)
    vessel(design, outer, 0.03, floor=0.07)
    inside, level = 0.405 * wide, 0.7 * high
    lathe(
        rounded([(0, 0.075), (inside, 0.075), (inside, level + 0.02), (inside - 0.05, level), (0, level)], 0.03), melt
    )
    _flame(level, power=2.2)
    if not low:
        label = paint("#f1ece0" if design.seed % 2 else "#2d2c2a", 0.8)
        words = ink if design.seed % 2 else paint("#d8c9a4", 0.6)
        front = 0.456 * wide * (1.05 if design.relief else 1.0)

        def on_front(u: float, v: float) -> tuple[float, float, float]:
            angle = (u - 0.5) * 1.2
            return (front * math.sin(angle), -front * math.cos(angle), high * (0.28 + 0.38 * v))

        surface(on_front, 24, 2, label)
        names = ("No 4", "No 7", "No 12", "No 21", "No 3", "No 16")
        text(names[design.seed % len(names)], 0.11, words, (0, -front - 0.008, high * 0.52))
        text(("cedar & smoke", "fig & moss", "amber", "sea salt", "wild thyme")[design.seed % 5], 0.05, words,
             (0, -front - 0.008, high * 0.38))  # fmt: skip
    return View(up=14, fill=0.66)


def candlestick(design: Design) -> View:
    """With a taper candle, one or three."""
    metal_or_wood = body(design)
    if design.form == "three arms":
        lathe(rounded([(0, 0), (0.36, 0), (0.36, 0.05), (0.06, 0.12), (0.04, 0.7), (0, 0.7)], 0.03), metal_or_wood)
        for x in (-0.5, 0.0, 0.5):
            top = 0.95 if x == 0 else 0.88
            path = [(0, 0, 0.5), (x * 0.6, 0, 0.42), (x, 0, 0.55), (x, 0, top)] if x else [(0, 0, 0.6), (0, 0, top)]
            tube(path, 0.03, metal_or_wood)
            lathe(
                rounded([(0, top), (0.13, top), (0.1, top + 0.08), (0, top + 0.08)], 0.02), metal_or_wood, at=(x, 0, 0)
            )
            _taper(design, top + 0.06, x)
        return View(up=9, turn=-18, fill=0.8)
    outer = sized(
        design, profile(_STICKS[design.form], 8) if design.form != "column" else rounded(_STICKS["column"], 0.03)
    )
    top = outer[-1, 1]
    lathe(np.vstack([outer, [0, top]]), metal_or_wood, radial(design), 128)
    if design.form == "chamber":
        tube([(0.52, 0, 0.06), (0.74, 0, 0.14), (0.78, 0, 0.02), (0.6, 0, -0.02), (0.52, 0, 0.04)], 0.03, metal_or_wood)
    _taper(design, top - 0.04)
    return View(up=9, turn=-30, fill=0.8)


def basket(design: Design) -> View:
    """Woven around stakes, with a braided rim."""
    first, second = fibre(design.color), fibre(design.accent)
    outline = sized(design, profile(_BASKETS[design.form], 14))
    stakes, top = 28, outline[-1, 1]
    rows = max(8, round(24 * top / 1.05))
    heights = np.linspace(0.02, top, rows)
    half = (heights[1] - heights[0]) * 0.56
    angle = np.linspace(0, 2 * math.pi, stakes * 8, endpoint=False)
    for number, z in enumerate(heights):
        share = number / rows
        banded = design.pattern == "bands" and 0.35 <= share <= 0.65
        dipped = design.pattern == "dipped" and share < 0.4
        r = radius_at(outline, z) + 0.022 * np.sin(angle * stakes / 2 + (math.pi if number % 2 else 0))
        path = np.stack([r * np.cos(angle), r * np.sin(angle), np.full_like(angle, z)], 1)
        tube(path, half, second if banded or dipped else first, closed=True, sides=3)
    levels = np.linspace(0, top, 8)
    for x, y in around(stakes, 1.0):
        tube(
            [(radius_at(outline, z) * x, radius_at(outline, z) * y, z) for z in levels], 0.016, first, sides=2, steps=3
        )
    lathe([(0, 0.03), (outline[0, 0], 0.03)], first)
    rim = outline[-1, 0]
    turns = np.linspace(0, 2 * math.pi, 400, endpoint=False)
    for phase in (0, math.pi):
        r, z = rim + 0.03 * np.cos(turns * 26 + phase), top + 0.03 + 0.03 * np.sin(turns * 26 + phase)
        path = np.stack([r * np.cos(turns), r * np.sin(turns), z], 1)
        tube(path, 0.028, second if design.pattern in ("bands", "dipped") else first, closed=True, sides=3)
    if design.form != "bottle":
        grip = plain("leather", "#8a5a36") if design.frame == "leather" else first
        for side in (-1, 1):
            x = side * rim
            half_handle = [
                (x, 0.2, top - 0.08),
                (x + side * 0.02, 0.19, top + 0.12),
                (x + side * 0.05, 0.1, top + 0.28),
            ]
            tube([*half_handle, *[(a, -b, c) for a, b, c in half_handle[::-1]]], 0.034, grip)
    return View(up=17, turn=25, fill=0.76)


def _flame(z: float, x: float = 0.0, y: float = 0.0, power: float = 1.8) -> None:
    tube([(x, y, z), (x + 0.006, y, z + 0.08), (x + 0.012, y, z + 0.13)], 0.011, paint("#2a221c", 0.9), sides=2)
    lathe(profile([(0, z + 0.1), (0.04, z + 0.15), (0.045, z + 0.22), (0.02, z + 0.32), (0, z + 0.39)], 6),
          glow("#ffb65c", 9.0), at=(x, y, 0))  # fmt: skip
    bulb(power, (x, y, z + 0.24), 0.05).data.color = (1, 0.66, 0.3)


def _taper(design: Design, z: float, x: float = 0.0) -> None:
    candle_wax = wax(design.accent)
    outline = rounded([(0, z), (0.075, z), (0.055, z + 0.9), (0.02, z + 0.95), (0, z + 0.95)], 0.02)
    lathe(outline, candle_wax, at=(x, 0, 0), segments=48)
    tube([(x, 0, z + 0.94), (x + 0.005, 0, z + 1.03)], 0.01, paint("#2a221c", 0.9), straight=True, sides=2)


def _blade(color: object, length: float, width: float, bend: float, root: tuple[float, float, float], turn: float,
           tilt: float, shape: str, fold: float = 0.3, twist: float = 0.0) -> None:  # fmt: skip
    """One leaf: it leaves `root` at an angle `tilt` from upright and bends by `bend` radians until its tip."""

    def at(u: float, v: float) -> tuple[float, float, float]:
        x, y = (u - 0.5) * 2, (v - 0.5) * 2
        x, y = x * math.sqrt(1 - 0.35 * y * y), y * math.sqrt(1 - 0.22 * x * x)
        t = (y + 1) / 2
        wide = (
            width
            * {
                "oval": math.sin(math.pi * min(1, t**0.8)) ** 0.75,
                "sword": min(1, 4 * t + 0.45) * (1 - t**5) ** 0.6,
                "grass": math.sin(math.pi * t**0.6) ** 0.8,
                "fat": math.sin(math.pi * min(1, 0.12 + 0.88 * t)) ** 0.6,
            }[shape]
        )
        angle, mean = tilt + bend * t, tilt + bend * t * 0.5
        lift = abs(x) * wide * fold
        side = x * wide
        return (
            side * math.cos(twist * t),
            length * t * math.sin(mean) - math.cos(angle) * lift + side * math.sin(twist * t),
            length * t * math.cos(mean) + math.sin(angle) * lift,
        )

    surface(at, 8, 22, color, smooth=1, at=root, turn=(0, 0, turn))


def _snake_plant(rim: float, top: float, rng: np.random.Generator) -> None:
    green = leaf("#4f7d4a")
    for number in range(15):
        angle, r = number * 2.399, 0.06 + 0.043 * number * rim
        _blade(green, 1.5 - 0.055 * number + rng.uniform(-0.1, 0.1), rng.uniform(0.085, 0.12), rng.uniform(0, 0.22),
               (r * math.cos(angle), r * math.sin(angle), top), angle - math.pi / 2, 0.04 + 0.016 * number, "sword",
               twist=rng.uniform(-0.6, 0.6))  # fmt: skip


def _rubber_tree(rim: float, top: float, rng: np.random.Generator) -> None:
    green, bark = leaf("#3f6b45"), paint("#5a4a33", 0.7)
    for _ in range(3):
        turn, height = rng.uniform(0, 6.28), rng.uniform(0.8, 1.25)
        x, y = 0.18 * math.cos(turn), 0.18 * math.sin(turn)
        tube([(0, 0, top), (x * 0.6, y * 0.6, top + height / 2), (x, y, top + height)], 0.022, bark)
        for number in range(7):
            t = 0.25 + 0.75 * number / 6
            _blade(green, rng.uniform(0.42, 0.58), rng.uniform(0.13, 0.18), rng.uniform(0.5, 0.9),
                   (x * t, y * t, top + height * t), number * 2.4 + turn,
                   rng.uniform(0.5, 0.9) * (1.2 - 0.6 * t), "oval")  # fmt: skip


def _spider_plant(rim: float, top: float, rng: np.random.Generator) -> None:
    green = leaf("#6d9a55")
    for number in range(42):
        angle = number * 2.399
        _blade(green, rng.uniform(0.7, 1.15), rng.uniform(0.035, 0.055), rng.uniform(1.2, 2.0),
               (0.06 * math.cos(angle), 0.06 * math.sin(angle), top), angle - math.pi / 2, rng.uniform(0.1, 0.55),
               "grass", 0.4)  # fmt: skip


def _succulent(rim: float, top: float, rng: np.random.Generator) -> None:
    green = leaf("#86a58b")
    for number in range(34):
        angle, t = number * 2.399, number / 34
        root = (0.05 * math.cos(angle), 0.05 * math.sin(angle), top + 0.12 * t)
        tilt = 1.25 - 1.05 * t + rng.uniform(-0.05, 0.05)
        _blade(green, 0.62 - 0.34 * t, 0.13 - 0.05 * t, -0.5, root, angle - math.pi / 2, tilt, "fat", 0.35)
