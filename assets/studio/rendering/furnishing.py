"""Tables and speakers."""

import math

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.fabrics import fabric
from molar.assets.studio.rendering.geometry import box, lathe, plate, ring, rod, tube
from molar.assets.studio.rendering.materials import paint
from molar.assets.studio.rendering.outlines import around, rectangle, rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import frame, plain


def table(design: Design) -> View:
    """A side or coffee table: three legs, a column, a drum of rods, a block, or long on four legs."""
    top, legs = plain(design.material, design.color, design.seed, "X"), frame(design)
    wide, high = design.girth, design.height
    if design.form == "long":
        box((2.0 * wide, 1.0, 0.08), top, (0, 0, 0.84 * high), bevel=0.02)
        hairpins = design.frame in ("black steel", "brass", "gunmetal", "gold", "bronze")
        for x in (-1, 1):
            for y in (-1, 1):
                if hairpins:
                    a, b = x * 0.88 * wide, y * 0.4
                    path = [
                        (a, b, 0.8 * high),
                        (a + x * 0.06, b + y * 0.03, 0.02),
                        (a - x * 0.16, b + y * 0.03, 0.8 * high),
                    ]
                    tube(path, 0.02, legs, straight=True)
                else:
                    rod((x * 0.9 * wide, y * 0.4, 0), (x * 0.78 * wide, y * 0.34, 0.81 * high), 0.03, 0.05, legs)
        return View(up=15, turn=24, fill=0.82)
    edge = 0.8 * wide
    z = high
    if design.form == "block":
        line = [(0, 0), (0.62, 0), (0.62, 0.04), (0.5, 0.3), (0.5, 0.7), (0.7, 0.94), (0.7, 1.0), (0, 1.0)]
        lathe(rounded(np.array(line) * [wide, high], 0.06, 8), top, segments=128)
        return View(up=15, turn=20, fill=0.76)
    lathe(
        rounded([(0, z), (edge - 0.02, z), (edge, z + 0.03), (edge, z + 0.08), (0, z + 0.08)], 0.025), top, segments=128
    )
    if design.form == "three legs":
        for a, b in around(3, 1.0, 0.5):
            rod((0.62 * a, 0.62 * b, 0), (0.42 * a, 0.42 * b, z + 0.01), 0.032, 0.055, legs)
    elif design.form == "column":
        line = [(0, 0), (0.42, 0), (0.42, 0.03), (0.07, 0.07), (0.055, 0.5), (0.07, 0.95 * z), (0.3, z), (0, z)]
        lathe(rounded(line, 0.03), legs)
    else:
        for a, b in around(28, edge - 0.08):
            tube([(a, b, 0.02), (a, b, z)], 0.018, legs, straight=True)
        for level in (0.02, 0.5 * z, z - 0.03):
            ring(edge - 0.08, level, 0.022, legs)
    return View(up=15, turn=24, fill=0.78)


def speaker(design: Design) -> View:
    """A radio-like cabinet, on legs or with a strap, a tower, or a cylinder of cloth."""
    cloth = design.color if design.form == "cylinder" else design.accent
    grille = fabric(cloth, "canvas", threads=34, on_surface=False)
    accent = plain("brass" if design.frame not in ("black steel", "steel", "gunmetal") else design.frame, "#000000")
    if design.form == "cylinder":
        line = [(0, 0.08), (0.5, 0.08), (0.52, 0.14), (0.52, 0.98), (0.5, 1.04), (0, 1.04)]
        lathe(rounded(np.array(line) * [design.girth, design.height], 0.04), grille, segments=128)
        wide, top = 0.53 * design.girth, 1.0 * design.height
        cap = [(0, top), (wide, top), (wide, top + 0.08), (0, top + 0.09)]
        ends = frame(design, "X")
        lathe(rounded(cap, 0.02), ends)
        lathe(rounded([(0, 0), (wide, 0), (wide, 0.1), (0, 0.1)], 0.02), ends)
        lathe(rounded([(0, top + 0.08), (0.1, top + 0.08), (0.1, top + 0.12), (0, top + 0.12)], 0.01), accent)
        return View(up=16, fill=0.68)
    tower = design.form == "tower"
    wide, high, deep = (0.8, 1.7, 0.8) if tower else (1.7 * design.girth, 1.0 * design.height, 0.8)
    cabinet, wall = plain(design.material, design.color, design.seed, "X"), 0.07
    outer, inner = rectangle(wide, high, 0.12), rectangle(wide - 2 * wall, high - 2 * wall, 0.05)
    upright = (math.pi / 2, 0.0, 0.0)
    plate([outer, inner], deep, cabinet, 0.015, (0, 0, high / 2), upright)
    front = rectangle(wide - 2 * wall - 0.01, high - 2 * wall - 0.01, 0.05)
    plate([front], deep * 0.9, grille if not tower else paint("#2a2a2b", 0.7), 0.02, (0, -0.01, high / 2), upright)
    if tower:
        for z, r in ((1.25, 0.16), (0.66, 0.25)):
            line = [(0, 0.0), (r * 0.4, 0.0), (r * 0.9, 0.06), (r, 0.07), (r * 1.1, 0.05), (r * 1.1, 0)]
            lathe(rounded(line, 0.01), paint("#141415", 0.35), at=(0, -deep * 0.46, z), turn=upright)
            lathe(
                [(r * 1.08, 0.0), (r * 1.16, 0.0), (r * 1.16, 0.06), (r * 1.08, 0.06)],
                accent,
                at=(0, -deep * 0.46, z),
                turn=upright,
            )
    else:
        for number in range(3):
            knob = rounded([(0, 0), (0.055, 0), (0.055, 0.07), (0, 0.07)], 0.012)
            lathe(knob, accent, at=(wide / 2 - 0.22 - number * 0.16, -0.05, high), segments=32)
        box((0.2, 0.012, 0.045), accent, (0, -deep * 0.45 - 0.012, wall + 0.1), bevel=0.004)
    if design.form == "strap":
        path = [
            (-wide / 2 + 0.02, 0, high * 0.8),
            (-wide / 2 - 0.03, 0, high),
            (-wide / 2 + 0.25, 0, high + 0.24),
            (0, 0, high + 0.28),
        ]
        band = tube([*path, *[(-x, y, z) for x, y, z in path[-2::-1]]], 0.035, plain("leather", "#9a6a3f"))
        band.scale = (1, 1.8, 1)
    if design.form == "on legs":
        for x in (-1, 1):
            for y in (-1, 1):
                foot = (x * (wide / 2 - 0.12), y * (deep / 2 - 0.08), -0.5)
                rod(foot, (x * (wide / 2 - 0.28), y * (deep / 2 - 0.2), 0.02), 0.022, 0.04, frame(design))
    return View(up=13, turn=28, fill=0.8)
