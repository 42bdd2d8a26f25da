"""Teapots, kettles and bottles."""

from typing import Any

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.geometry import lathe, tube
from molar.assets.studio.rendering.materials import glass, metal
from molar.assets.studio.rendering.outlines import curve, profile, rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import body, frame, radial, radius_at, sized, vessel
from molar.assets.studio.rendering.tableware import plain_glaze

_TEAPOTS = {
    "round": [(0, 0), (0.34, 0), (0.58, 0.16), (0.66, 0.42), (0.52, 0.72), (0.30, 0.84)],
    "cylinder": [(0, 0), (0.48, 0), (0.52, 0.05), (0.52, 0.4), (0.50, 0.78), (0.42, 0.84), (0.3, 0.86)],
    "low": [(0, 0), (0.44, 0), (0.68, 0.14), (0.74, 0.32), (0.60, 0.52), (0.32, 0.6)],
    "tall": [(0, 0), (0.40, 0), (0.44, 0.05), (0.40, 0.5), (0.32, 0.95), (0.24, 1.1)],
    "pear": [(0, 0), (0.36, 0), (0.58, 0.14), (0.60, 0.36), (0.42, 0.7), (0.26, 0.98)],
}
_KETTLES = {
    "gooseneck": [(0.56, 0), (0.60, 0.08), (0.48, 0.44), (0.40, 0.72), (0.36, 0.76), (0, 0.78)],
    "dome": [(0.55, 0), (0.64, 0.1), (0.62, 0.42), (0.48, 0.7), (0.3, 0.8), (0, 0.82)],
    "ball": [(0.4, 0), (0.62, 0.22), (0.64, 0.48), (0.46, 0.74), (0.26, 0.82), (0, 0.83)],
    "cone": [(0.62, 0), (0.66, 0.06), (0.52, 0.5), (0.34, 0.9), (0.28, 0.94), (0, 0.95)],
    "drum": [(0.54, 0), (0.58, 0.05), (0.58, 0.4), (0.56, 0.68), (0.42, 0.76), (0, 0.78)],
}
_BOTTLES = {
    "decanter": [
        (0, 0),
        (0.5, 0),
        (0.58, 0.08),
        (0.55, 0.4),
        (0.42, 0.72),
        (0.2, 0.92),
        (0.15, 1.05),
        (0.15, 1.22),
        (0.21, 1.3),
    ],
    "square": [
        (0, 0),
        (0.44, 0),
        (0.46, 0.03),
        (0.46, 0.45),
        (0.46, 0.82),
        (0.3, 0.93),
        (0.16, 0.98),
        (0.16, 1.15),
        (0.21, 1.2),
    ],
    "carafe": [(0, 0), (0.42, 0), (0.48, 0.08), (0.46, 0.4), (0.28, 0.76), (0.2, 0.95), (0.26, 1.2), (0.34, 1.34)],
    "flask": [(0, 0), (0.36, 0), (0.62, 0.2), (0.6, 0.42), (0.3, 0.62), (0.13, 0.8), (0.12, 1.25), (0.17, 1.34)],
    "slim": [(0, 0), (0.3, 0), (0.34, 0.06), (0.34, 0.5), (0.32, 0.86), (0.16, 1.04), (0.12, 1.3), (0.16, 1.42)],
}


def teapot(design: Design) -> View:
    """With a spout, a lid, and a handle at its side; the low ones have a bail."""
    outer = sized(design, profile(_TEAPOTS[design.form]))
    glaze, top = plain_glaze(design), outer[-1, 1]
    vessel(design, outer)
    rim = outer[-1, 0]
    lid(rim + 0.02, top, glaze, glaze if design.seed % 3 else frame(design))
    z0, z1 = 0.3 * top, 0.92 * top
    start = radius_at(outer, z0) - 0.05
    spout = [(start, 0, z0), (start + 0.28, 0, z0 + 0.1), (start + 0.4, 0, 0.66 * top), (start + 0.54, 0, z1)]
    tube(spout, [0.13, 0.085, 0.06, 0.05], glaze, capped=False)
    if design.form == "low":
        _bail(radius_at(outer, 0.8 * top), 0.8 * top, 0.62, metal("bronze"), frame(design, "X"))
        return View(up=15, turn=-22, fill=0.76)
    back = radius_at(outer, 0.8 * top) - 0.02
    low = radius_at(outer, 0.24 * top) - 0.02
    points = [
        (-back, 0, 0.82 * top),
        (-back - 0.22, 0, 0.86 * top),
        (-back - 0.36, 0, 0.6 * top),
        (-back - 0.26, 0, 0.34 * top),
        (-low, 0, 0.24 * top),
    ]
    tube(points, [0.05, 0.046, 0.042, 0.046, 0.05], glaze)
    return View(up=15, turn=-22, fill=0.78)


def kettle(design: Design) -> View:
    """Of metal or enamel, for a stove."""
    outer = sized(design, profile(_KETTLES[design.form]))
    outer = np.vstack([[(0, 0)], outer])
    material = body(design, 5)
    lathe(outer, material, radial(design), 160)
    top = outer[-1, 1]
    grip = frame(design, "X")
    lathe(rounded([(0.34, top - 0.03), (0.33, top + 0.02), (0.1, top + 0.05), (0, top + 0.055)], 0.02), material)
    knob = [
        (0, top + 0.03),
        (0.04, top + 0.05),
        (0.05, top + 0.09),
        (0.085, top + 0.14),
        (0.06, top + 0.19),
        (0, top + 0.2),
    ]
    lathe(profile(knob, 6), grip)
    g, h = design.girth, design.height
    if design.form in ("gooseneck", "cone"):
        spout = [
            (0.48 * g, 0, 0.14 * h),
            (0.72 * g, 0, 0.2 * h),
            (0.8 * g, 0, 0.42 * h),
            (0.86 * g, 0, 0.66 * h),
            (g, 0, 0.78 * h),
            (1.12 * g, 0, 0.78 * h),
        ]
        tube(spout, [0.075, 0.06, 0.045, 0.04, 0.036, 0.034], material, capped=False)
        handle = [
            (-0.34 * g, 0, 0.72 * h),
            (-0.52 * g, 0, 0.8 * h),
            (-0.78 * g, 0, 0.74 * h),
            (-0.86 * g, 0, 0.5 * h),
            (-0.82 * g, 0, 0.26 * h),
        ]
        tube(handle, [0.03, 0.042, 0.05, 0.046, 0.036], grip)
    else:
        spout = [(0.5 * g, 0, 0.34 * h), (0.72 * g, 0, 0.48 * h), (0.84 * g, 0, 0.68 * h), (0.92 * g, 0, 0.74 * h)]
        tube(spout, [0.12, 0.085, 0.06, 0.052], material, capped=False)
        _bail(0.46 * g, 0.66 * h, 0.72, metal("black steel"), grip)
    return View(up=14, turn=-24, fill=0.76)


def bottle(design: Design) -> View:
    """A decanter or carafe of glass, half full, or of stoneware."""
    outer = sized(design, profile(_BOTTLES[design.form]))
    vessel(design, outer, 0.042, floor=0.09)
    top = outer[-1, 1]
    if design.material == "glass" and design.form != "carafe":
        inside = outer[(outer[:, 1] > 0.095) & (outer[:, 1] < 0.4 * top)] - np.array([0.043, 0])
        inside = np.vstack([[0, 0.092], [inside[0, 0] - 0.02, 0.092], inside, [0, inside[-1, 1]]])
        lathe(inside, glass(design.accent, 1.36))
    neck = 0.7 * radius_at(outer[-8:], top - 0.1)
    if design.form == "square":
        stopper = rounded(
            [
                (0, top - 0.1),
                (neck, top - 0.1),
                (0.17, top + 0.1),
                (0.2, top + 0.12),
                (0.2, top + 0.34),
                (0, top + 0.34),
            ],
            0.03,
        )
    else:
        stopper = profile(
            [
                (0, top - 0.1),
                (neck, top - 0.08),
                (neck, top + 0.02),
                (0.1, top + 0.06),
                (0.2, top + 0.2),
                (0.14, top + 0.36),
                (0, top + 0.4),
            ],
            8,
        )
    if design.form != "carafe":
        lathe(stopper, frame(design))
    return View(up=9, fill=0.78)


def lid(rim: float, top: float, material: Any, knob: Any, rise: float = 0.1) -> None:
    """A domed lid with a knob, over an opening of radius `rim` at height `top`."""
    lathe(profile([(rim, top - 0.01), (rim, top + 0.025), (rim * 0.6, top + rise * 0.8), (0, top + rise)], 8), material)
    z = top + rise - 0.01
    lathe(
        profile([(0, z), (0.045, z + 0.01), (0.045, z + 0.04), (0.085, z + 0.09), (0.06, z + 0.14), (0, z + 0.15)], 6),
        knob,
    )


def _bail(side: float, low: float, rise: float, wire: Any, grip: Any) -> None:
    """A handle over the top, wrapped in the middle."""
    top = low + rise
    points = [(-side, 0, low), (-side * 1.1, 0, low + 0.4 * rise), (-side * 0.7, 0, low + 0.86 * rise), (0, 0, top)]
    tube([*points, *[(-x, y, z) for x, y, z in points[-2::-1]]], 0.026, wire)
    place = curve([*points, *[(-x, y, z) for x, y, z in points[-2::-1]]], 12)
    middle = place[len(place) // 2 - 10 : len(place) // 2 + 11]
    tube(middle, [0.04, 0.055, 0.055, 0.04], grip, straight=True)
