"""Cushions, rugs and poufs."""

import math
from typing import Any

import bpy
import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.fabrics import fabric
from molar.assets.studio.rendering.geometry import add, box, lathe, ring, surface, tube
from molar.assets.studio.rendering.materials import fibre
from molar.assets.studio.rendering.outlines import rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import body


def cushion(design: Design) -> View:
    """Square, long or round; with piping, tassels or fringes by its form and seed."""
    if design.form == "bolster":
        return _bolster(design)
    tall = {"square": 1.0, "lumbar": 0.62}.get(design.form, 1.0) * design.height
    cloth = body(design, 4 if design.form != "lumbar" else 6, tall)
    rng = np.random.default_rng(design.seed)
    phases = rng.uniform(0, 2 * math.pi, 5)
    is_round = design.form == "round"

    def half(u: float, v: float, side: int) -> tuple[float, float, float]:
        x, y = (u - 0.5) * 2, (v - 0.5) * 2
        full = max(0.0, 1 - x * x) * max(0.0, 1 - y * y)
        fold = 0.012 * math.sin(9 * x * y + phases[0] + 3 * x) * full**0.3
        fold += 0.016 * math.sin(5 * x + phases[2]) * math.sin(4 * y + phases[3]) * full**0.3
        for cx, cy in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            away = math.hypot(x - cx, y - cy)
            crease = math.sin(math.atan2(y - cy, x - cx) * 13 + phases[4])
            fold += 0.016 * crease * math.exp(-((away / 0.42) ** 2)) * min(1, away * 5)
        thick = 0.36 * full**0.42 + fold * (full > 0)
        if is_round:
            x, y = x * math.sqrt(1 - 0.5 * y * y), y * math.sqrt(1 - 0.5 * x * x)
            thick *= 0.8
            return (x, side * thick, y)
        pinch, pinch_2 = 1 - 0.075 * (1 - x * x) * y**4, 1 - 0.075 * (1 - y * y) * x**4
        return (x * pinch_2, side * thick, y * tall * pinch)

    sides = [surface(lambda u, v, s=s: half(u, v, s), 110, 110, cloth) for s in (-1, 1)]  # type: ignore[misc]
    t = np.linspace(0, 1, 40)[:-1]
    edge = [half(a, 0, 1) for a in t] + [half(1, a, 1) for a in t]
    edge += [half(1 - a, 1, 1) for a in t] + [half(0, 1 - a, 1) for a in t]
    trim = fabric(design.accent, "linen", on_surface=False)
    finish = ("piping", "plain", "fringe")[design.seed % 3]
    if design.relief == "tassels" and not is_round:
        finish = "tassels"
    parts = [
        *sides,
        tube(edge, 0.024 if finish == "piping" else 0.01, trim if finish != "plain" else cloth, closed=True),
    ]
    if finish == "tassels":
        for cx, cz in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            corner, down = (
                np.array([cx * 0.985, 0, cz * tall * 0.985]),
                np.array([cx * 0.6, 0, -0.3 if cz > 0 else 0.12]),
            )
            for _ in range(34):
                r = rng.normal(size=3) * 0.035
                thread = [
                    corner,
                    corner + down * 0.1 + r * 0.3,
                    corner + down * 0.27 + r * 1.1 + np.array([0, 0, -0.05]),
                ]
                parts.append(tube(thread, 0.009, trim, sides=1, steps=4))
    elif finish == "fringe" and not is_round:
        for z in np.linspace(-0.97, 0.97, 150) * tall:
            for side in (-1, 1):
                r = rng.normal(size=2) * 0.012
                thread = [
                    (side * 0.93, 0, z),
                    (side * 1.02, r[0], z + r[1] * 0.5 - 0.01),
                    (side * 1.1, r[0] * 2, z + r[1] - 0.03),
                ]
                parts.append(tube(thread, 0.008, trim, sides=1, steps=3))
    tilt = add(None, "tilt")
    for part in parts:
        part.parent = tilt
    tilt.rotation_euler = (math.radians(-14), 0, 0)
    return View(up=9, turn=24, fill=0.8)


def rug(design: Design) -> View:
    """Seen from above at an angle; the rectangular ones have fringes."""
    is_round = design.form == "round"
    wide, deep = {"runner": (1.1, 2.9), "rectangle": (1.8, 2.6), "oval": (1.7, 2.5)}.get(design.form, (2.2, 2.2))
    wide, deep = wide * design.girth, deep * design.height
    if is_round:
        deep = wide
    repeats = 1 if design.pattern in ("border", "medallion", "pebbles") else 4 if design.form != "runner" else 2.5
    cloth = body(design, repeats, deep / wide, threads=46)
    rng = np.random.default_rng(design.seed)
    columns, rows = 240, int(240 * deep / wide)
    pile = rng.random((rows + 1, columns + 1)) * (0.045 if design.finish == "shaggy" else 0.018)
    soft_corners = is_round or design.form == "oval"

    def at(u: float, v: float) -> tuple[float, float, float]:
        x, y = (u - 0.5) * 2, (v - 0.5) * 2
        rough = pile[min(rows, int(v * rows)), min(columns, int(u * columns))]
        if soft_corners:
            most, away = max(abs(x), abs(y)), math.hypot(x, y)
            rim = math.sqrt(max(0.0, 1 - most**30))
            shrink = most / away if away else 1.0
            return (x * shrink * wide / 2, y * shrink * deep / 2, (0.05 + rough) * rim)
        rim = math.sqrt((1 - abs(x) ** 60) * (1 - abs(y) ** 60))
        wave = 0.012 * math.sin(2.1 * x + 1.3 * y)
        return (x * wide / 2 + 0.006 * math.sin(9 * y), y * deep / 2, (0.05 + rough) * rim + wave)

    surface(at, columns, rows, cloth)
    if not soft_corners and design.seed % 3:
        threads = fibre("#e4d8bf", 0.15)
        for x in np.linspace(-0.985, 0.985, round(50 * wide)) * wide / 2:
            for side in (-1, 1):
                r = rng.normal(size=2) * 0.018
                ends = [(x, side * deep / 2 * 0.99, 0.03), (x + r[0] / 2, side * (deep / 2 + 0.08), 0.02),
                        (x + r[0], side * (deep / 2 + 0.17 + r[1] / 2), 0.012)]  # fmt: skip
                tube(ends, [0.013, 0.008], threads, sides=1, steps=3)
    return View(up=48, turn=64, fill=0.92, size=2.6)


def pouf(design: Design) -> View:
    """A low seat without legs: knitted, of leather in segments, a drum or a cube."""
    wide, high = design.girth, design.height
    cloth = body(design, 6, 0.4, threads=70)
    if design.form == "cube":
        box((1.3 * wide, 1.3 * wide, 0.95 * high), cloth, (0, 0, 0.48 * high), bevel=0.12)
        return View(up=16, turn=28, fill=0.72)
    if design.form == "segments":
        line = [(0, 0), (0.5, 0), (0.8, 0.14), (0.9, 0.36), (0.78, 0.6), (0.4, 0.72), (0.1, 0.74), (0, 0.74)]
        outline = rounded(np.array(line) * [wide, high], 0.14, 12)
        lathe(outline, cloth, lambda a, z: 1 + 0.045 * (abs(math.sin(a * 6)) ** 0.6 - 0.6), 240)
        lathe(rounded([(0, 0.72 * high), (0.16, 0.72 * high), (0.12, 0.78 * high), (0, 0.78 * high)], 0.02), cloth)
        return View(up=18, fill=0.74)
    if design.form == "drum":
        line = [(0, 0), (0.7, 0), (0.76, 0.06), (0.76, 0.78), (0.7, 0.86), (0, 0.88)]
        lathe(rounded(np.array(line) * [wide, high], 0.06, 10), cloth, segments=128)
        trim = fabric(design.accent, "linen", on_surface=False)
        for z in (0.08, 0.8):
            ring(0.765 * wide, z * high, 0.018, trim)
        return View(up=16, fill=0.72)
    line = [(0, 0), (0.6, 0), (0.86, 0.16), (0.94, 0.4), (0.86, 0.62), (0.6, 0.78), (0, 0.82)]
    lathe(rounded(np.array(line) * [wide, high], 0.2, 14), cloth, segments=160)
    return View(up=16, fill=0.74)


def _bolster(design: Design) -> View:
    cloth: Any = body(design, 3, 0.9)
    line = [(0, -1.0), (0.3, -1.0), (0.36, -0.95), (0.37, 0), (0.36, 0.95), (0.3, 1.0), (0, 1.0)]
    lathe(
        rounded(np.array(line) * [design.girth, design.height], 0.06, 10),
        cloth,
        turn=(0, math.pi / 2, 0.45),
        segments=128,
    )
    bpy.context.view_layer.update()
    return View(up=16, fill=0.84)
