"""Table lamps and pendant lamps, lit."""

import math

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.fabrics import lampshade
from molar.assets.studio.rendering.geometry import bulb, lathe, ring, rod, tube
from molar.assets.studio.rendering.materials import fibre, glow, paint
from molar.assets.studio.rendering.outlines import around, profile, rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import body, frame, plain, radial, radius_at, sized

_BASES = {
    "gourd": [(0, 0), (0.26, 0), (0.3, 0.03), (0.4, 0.22), (0.42, 0.4), (0.3, 0.62), (0.12, 0.78), (0.09, 0.86)],
    "column": [(0, 0), (0.3, 0), (0.3, 0.06), (0.16, 0.09), (0.16, 0.5), (0.16, 0.84), (0.1, 0.86)],
    "ball": [(0, 0), (0.2, 0), (0.36, 0.16), (0.42, 0.42), (0.34, 0.68), (0.12, 0.82), (0.1, 0.86)],
    "hourglass": [(0, 0), (0.34, 0), (0.34, 0.05), (0.2, 0.24), (0.14, 0.44), (0.24, 0.7), (0.1, 0.82), (0.08, 0.86)],
}


def lamp(design: Design) -> View:
    """A table lamp: a turned base or three legs under a shade, a dome, or an arm."""
    base = body(design, 7)
    fitting = frame(design)
    if design.form == "dome":
        foot = rounded([(0, 0), (0.34, 0), (0.36, 0.05), (0.1, 0.14), (0.085, 0.8), (0, 0.8)], 0.05)
        lathe(sized(design, foot), fitting)
        top = 0.8 * design.height - 0.04
        outside = [(0.6, 0), (0.63, 0.08), (0.52, 0.34), (0.27, 0.5), (0, 0.54)]
        inside = [(0, 0.51), (0.26, 0.47), (0.5, 0.31), (0.6, 0.08), (0.58, 0)]
        shape = np.vstack([profile(outside), profile(inside)]) * [design.girth, 1] + [0, top]
        lathe(shape, plain("lacquer", design.color))
        bulb(36, (0, 0, top + 0.16))
        return View(up=7, fill=0.78, light=0.85)
    if design.form == "arm":
        return _arm_lamp(design)
    if design.form == "tripod":
        for x, y in around(3, 1.0, 0.4):
            rod((0.42 * x, 0.42 * y, 0), (0.05 * x, 0.05 * y, 0.88), 0.025, 0.035, frame(design))
        shade = design.color
    else:
        outline = rounded(_BASES["column"], 0.03) if design.form == "column" else profile(_BASES[design.form])
        outline = outline * [design.girth, 1]
        lathe(np.vstack([outline, [0, 0.86]]), base, radial(design), 160)
        shade = "#efe6d2" if design.seed % 4 else design.accent
    lathe(rounded([(0, 0.84), (0.05, 0.84), (0.05, 1.0), (0, 1.0)], 0.01), fitting, segments=32)
    low, high = ((0.58, 0.44), (0.55, 0.55), (0.62, 0.26))[design.seed % 3]
    z0, z1 = 0.94, 0.94 + 0.6 * design.height
    lathe([(low, z0), (high, z1), (high - 0.008, z1), (low - 0.008, z0)], lampshade(shade), sharp_from=30)
    trim = paint(shade, 0.8)
    for r, z in ((low, z0), (high, z1)):
        ring(r - 0.003, z, 0.011, trim)
    bulb(42, (0, 0, (z0 + z1) / 2))
    return View(up=7, fill=0.8, light=0.8)


def _arm_lamp(design: Design) -> View:
    material, joint = plain("lacquer", design.color), frame(design)
    lathe(rounded([(0, 0), (0.36, 0), (0.36, 0.06), (0.04, 0.075), (0.04, 0.1), (0, 0.1)], 0.02), material)
    tube([(0, 0, 0.08), (-0.42, 0, 0.85)], 0.028, material, straight=True)
    tube([(-0.42, 0, 0.85), (0.3, 0, 1.42)], 0.026, material, straight=True)
    for x, z in ((-0.42, 0.85), (0.3, 1.42)):
        outline = rounded([(0, -0.05), (0.06, -0.05), (0.06, 0.05), (0, 0.05)], 0.01)
        lathe(outline, joint, at=(x, 0, z), turn=(math.pi / 2, 0, 0))
    outside = profile([(0.30, -0.42), (0.26, -0.2), (0.12, -0.06), (0.07, 0.02), (0.06, 0.1), (0, 0.11)], 8)
    inside = profile([(0, 0.09), (0.1, -0.06), (0.25, -0.21), (0.29, -0.42)], 8)
    lathe(np.vstack([outside, inside]) * [design.girth, 1], material, at=(0.36, 0, 1.38), turn=(0, -0.6, 0))
    bulb(4, (0.36 + 0.22 * math.sin(0.6), 0, 1.38 - 0.3 * math.cos(0.6)), 0.08)
    return View(up=9, turn=-22, fill=0.78)


def pendant(design: Design) -> View:
    """It hangs from a cord: a dome, a globe of glass, a cone, or a woven drum."""
    cord = paint("#2a2a2a", 0.6)
    wide, high = design.girth, design.height
    tube([(0, 0, 0.9 * high), (0, 0, 2.1)], 0.014, cord, straight=True)
    lathe(rounded([(0, 2.08), (0.16, 2.08), (0.16, 2.14), (0, 2.14)], 0.02), frame(design))
    lathe(rounded([(0, 0.82 * high), (0.08, 0.82 * high), (0.07, 0.98 * high), (0, high)], 0.02), frame(design))
    if design.form == "globe":
        outline = profile([(0, 0), (0.3, 0.06), (0.5, 0.3), (0.5, 0.55), (0.3, 0.8), (0.07, 0.86)])
        lathe(outline * [wide, high], glow(design.color, 0.85))
        bulb(8, (0, 0, 0.45 * high))
        return View(up=2, fill=0.84, light=0.9, lift=1.3)
    if design.form == "woven":
        cane = fibre(design.color)
        outline = profile([(0.56, 0), (0.66, 0.3), (0.5, 0.66), (0.2, 0.84), (0.08, 0.88)], 12) * [wide, high]
        for z in np.linspace(0, outline[-1, 1], 15):
            ring(radius_at(outline, z), z, 0.02, cane, 3)
        for number, (x, y) in enumerate(around(44, 1.0)):
            lean = 0.35 if number % 2 else -0.35
            turned = [(math.cos(lean * t) * x - math.sin(lean * t) * y, math.sin(lean * t) * x + math.cos(lean * t) * y)
                      for t in np.linspace(0, 1, 10)]  # fmt: skip
            levels = np.linspace(0, outline[-1, 1], 10)
            path = [
                (radius_at(outline, z) * a, radius_at(outline, z) * b, z)
                for z, (a, b) in zip(levels, turned, strict=True)
            ]
            tube(path, 0.013, cane, sides=2, steps=3)
        bulb(24, (0, 0, 0.4 * high))
        return View(up=2, fill=0.84, light=0.9, lift=1.3)
    outside, inside = {
        "dome": (
            [(0.7, 0), (0.68, 0.2), (0.5, 0.54), (0.2, 0.8), (0, 0.86)],
            [(0, 0.83), (0.19, 0.77), (0.48, 0.52), (0.66, 0.2), (0.68, 0)],
        ),
        "cone": (
            [(0.66, 0), (0.6, 0.08), (0.34, 0.48), (0.1, 0.84), (0, 0.88)],
            [(0, 0.85), (0.09, 0.81), (0.32, 0.46), (0.58, 0.07), (0.64, 0)],
        ),
        "bell": (
            [(0.6, 0), (0.46, 0.12), (0.4, 0.4), (0.3, 0.7), (0.08, 0.86), (0, 0.88)],
            [(0, 0.85), (0.07, 0.83), (0.28, 0.68), (0.38, 0.4), (0.44, 0.11), (0.58, 0)],
        ),
        "saucer": (
            [(0.9, 0.3), (0.6, 0.52), (0.3, 0.7), (0.12, 0.8), (0, 0.82)],
            [(0, 0.79), (0.11, 0.77), (0.29, 0.67), (0.58, 0.49), (0.88, 0.28)],
        ),
    }[design.form]
    shape = np.vstack([profile(outside), profile(inside)]) * [wide, high]
    lathe(shape, body(design, 8), radial(design), 160)
    lathe(profile([(0, 0.3), (0.1, 0.34), (0.12, 0.44), (0.05, 0.6), (0, 0.62)]) * [1, high], glow("#fff0d0", 4))
    bulb(30, (0, 0, 0.25 * high))
    return View(up=1, fill=0.84, light=0.9, lift=1.3)
