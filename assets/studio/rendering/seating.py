"""Chairs, armchairs and stools."""

import math
from typing import Any

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.geometry import lathe, ring, rod, surface, tube
from molar.assets.studio.rendering.outlines import around, curve, rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import body, frame, plain


def chair(design: Design) -> View:
    """A shell on legs, or of wood: with rungs, with spindles, or with a bent back."""
    seat, legs = body(design, 5, threads=120), frame(design)
    if design.form == "shell":
        _shell(seat, 1.0)
        _splayed_legs(legs, 0.86, 0.46, 0.25)
        return View(up=12, turn=32, fill=0.82)
    wide = 0.45 * design.girth
    tall = 1.72 * design.height
    for x in (-wide + 0.03, wide - 0.03):
        rod((x, -0.4, 0), (x, -0.38, 0.86), 0.032, 0.042, legs)
        if design.form != "spindle":
            back = [(x, 0.5, 0), (x, 0.42, 0.8), (x, 0.46, 1.3), (x, 0.58, tall)]
            tube(back, [0.03, 0.042, 0.042, 0.03], legs)
            rod((x, -0.38, 0.42), (x, 0.45, 0.42), 0.022, 0.022, legs)
        else:
            rod((x, 0.46, 0), (x * 0.9, 0.36, 0.84), 0.032, 0.042, legs)
    for y in (-0.38, 0.4):
        rod((-wide + 0.03, y, 0.8), (wide - 0.03, y, 0.8), 0.034, 0.034, legs)
    _seat_pad(seat, wide, 0.84)
    across = plain(design.frame, "#8a5a36", design.seed, "X")
    if design.form == "ladder":
        for z, tall_rung, y in ((tall - 0.1, 0.16, 0.55), (tall - 0.38, 0.1, 0.48), (tall - 0.62, 0.1, 0.45)):
            _rung(across, wide - 0.02, z, tall_rung, y)
    elif design.form == "panel":
        surface(lambda u, v: ((u - 0.5) * 2 * (wide - 0.04), 0.46 + 0.06 * (1 - ((u - 0.5) * 2) ** 2) + v * 0.09,
                              1.12 + v * (tall - 1.2)), 24, 10, seat, thickness=0.06, smooth=1)  # fmt: skip
    else:
        bow = [
            (-wide, 0.34, 0.86),
            (-wide * 0.98, 0.44, 1.3),
            (0, 0.6, tall),
            (wide * 0.98, 0.44, 1.3),
            (wide, 0.34, 0.86),
        ]
        tube(bow, 0.036, legs, steps=16)
        path = curve(bow, 16)
        for x in np.linspace(-0.7, 0.7, 7) * wide:
            top = path[np.argmin(np.abs(path[:, 0] - x) + (path[:, 2] < 1.2) * 9)]
            rod((x * 0.85, 0.38, 0.86), tuple(top), 0.018, 0.016, legs, 12)
    return View(up=12, turn=32, fill=0.82)


def armchair(design: Design) -> View:
    """A lounge chair of bent wood, a tub, or a club chair."""
    cloth = body(design, 5, threads=120)
    if design.form == "lounge":
        return _lounge(design, cloth)
    if design.form == "tub":
        _tub(cloth, design)
        for x, y in around(4, 0.5, math.pi / 4):
            rod((x * 1.1, y * 1.1, -0.3), (x, y, 0.06), 0.026, 0.04, frame(design))
        _cushion_pad(cloth, 0.5, 0.5, 0.16, (0, -0.1, 0.42))
        return View(up=14, turn=28, fill=0.8)
    wide, back = 0.78 * design.girth, 0.62 * design.height
    winged = design.form == "wing"
    arm = 0.34 if winged else 0.36
    for side in (-1, 1):
        _block(
            cloth, (0.13 if winged else 0.2, 0.62, arm), (side * (wide - (0.06 if winged else 0.14)), 0.0, 0.12 + arm)
        )
    _block(cloth, (wide - 0.04, 0.6, 0.2), (0, 0.0, 0.28))
    if winged:
        back = 0.82 * design.height
        for side in (-1, 1):
            _block(cloth, (0.1, 0.34, 0.5), (side * (wide - 0.08), 0.4, 1.2), lean=-0.14)
    _block(cloth, (wide - 0.1, 0.18, back), (0, 0.52, 0.2 + back), lean=-0.14)
    _cushion_pad(cloth, wide - (0.24 if winged else 0.32), 0.5, 0.15, (0, -0.12, 0.56))
    for x in (-wide + 0.16, wide - 0.16):
        for y in (-0.46, 0.46):
            rod((x, y, -0.16), (x, y, 0.16), 0.03, 0.045, frame(design))
    return View(up=13, turn=28, fill=0.8)


def stool(design: Design) -> View:
    """Low with three legs, high for a bar, or upholstered."""
    seat, legs = body(design, 4, threads=90), frame(design)
    wide, high = design.girth, design.height
    if design.form == "bar":
        top = 1.7 * high
        for x, y in around(4, 1.0, math.pi / 4):
            rod((0.5 * x, 0.5 * y, 0), (0.3 * x, 0.3 * y, top), 0.026, 0.036, legs)
        ring(0.42, top * 0.32, 0.02, legs)
        lathe(
            rounded(
                [(0, top), (0.4 * wide, top), (0.42 * wide, top + 0.06), (0.4 * wide, top + 0.12), (0, top + 0.1)], 0.04
            ),
            seat,
        )
        return View(up=11, fill=0.82)
    if design.form == "milking":
        for x, y in around(3, 1.0, 0.3):
            rod((0.52 * x, 0.52 * y, 0), (0.3 * x, 0.3 * y, 0.8 * high), 0.03, 0.05, legs)
        lathe(
            rounded(
                [
                    (0, 0.78 * high),
                    (0.5 * wide, 0.78 * high),
                    (0.52 * wide, 0.88 * high),
                    (0.3, 0.87 * high),
                    (0, 0.85 * high),
                ],
                0.04,
            ),
            seat,
        )
        return View(up=16, turn=12, fill=0.76)
    if design.form == "spool":
        line = [
            (0, 0),
            (0.46, 0),
            (0.46, 0.1),
            (0.3, 0.22),
            (0.24, 0.5),
            (0.3, 0.78),
            (0.48, 0.9),
            (0.48, 1.0),
            (0, 1.0),
        ]
        lathe(rounded(np.array(line) * [wide, high], 0.08, 10), seat, segments=128)
        return View(up=14, fill=0.74)
    for x, y in around(4, 1.0, math.pi / 4):
        rod((0.56 * x, 0.56 * y, 0), (0.5 * x, 0.5 * y, 0.72 * high), 0.028, 0.04, legs)
    ring(0.5 * wide, 0.72 * high, 0.035, legs)
    line = [(0, 0.72), (0.52, 0.72), (0.58, 0.8), (0.56, 0.92), (0.4, 0.98), (0, 1.0)]
    lathe(rounded(np.array(line) * [wide, high], 0.06, 10), seat, segments=128)
    return View(up=14, turn=14, fill=0.78)


def _shell(material: Any, wide: float) -> None:
    side = curve([(-0.48, 0.86), (-0.42, 0.90), (0, 0.84), (0.32, 0.86), (0.46, 1.08), (0.56, 1.5), (0.6, 1.78)], 8)
    places = np.linspace(0, 1, len(side))

    def at(u: float, v: float) -> tuple[float, float, float]:
        x, w = (u - 0.5) * 2, (v - 0.5) * 2
        x, w = x * math.sqrt(1 - 0.35 * w * w), w * math.sqrt(1 - 0.22 * x * x)
        t, c = (w + 1) / 2, x * x
        y, z = np.interp(t, places, side[:, 0]), np.interp(t, places, side[:, 1])
        half = 0.54 * wide * np.interp(t, [0, 0.1, 0.45, 0.62, 0.85, 1], [0.8, 0.95, 1.0, 0.95, 0.8, 0.55])
        z += c * np.interp(t, [0, 0.2, 0.45, 0.62, 1], [0.0, 0.10, 0.24, 0.16, 0.0])
        y -= c * np.interp(t, [0, 0.4, 0.6, 1], [0, 0.02, 0.26, 0.12])
        return (x * half, float(y), float(z))

    surface(at, 24, 36, material, thickness=0.06, smooth=1)


def _splayed_legs(material: Any, top: float, foot: float, head: float) -> None:
    ends = [((a * head, b * head, top - 0.06), (a * foot, b * foot, 0)) for a in (-1, 1) for b in (-1, 1)]
    for upper, lower in ends:
        rod(lower, (*upper[:2], top), 0.024, 0.042, material)
    for first, second in ((0, 2), (1, 3)):
        rod(ends[first][0], ends[second][0], 0.028, 0.028, material)


def _seat_pad(material: Any, wide: float, z: float) -> None:
    def top(u: float, v: float) -> tuple[float, float, float]:
        x, y = (u - 0.5) * 2, (v - 0.5) * 2
        return (x * wide, 0.02 + y * 0.44, z + 0.09 * math.sqrt((1 - x**6) * (1 - y**6)))

    surface(top, 32, 32, material)
    surface(lambda u, v: (*top(u, v)[:2], z - 0.01), 4, 4, material)


def _rung(material: Any, wide: float, z: float, tall: float, y: float) -> None:
    def at(u: float, v: float) -> tuple[float, float, float]:
        bow = 1 - ((u - 0.5) * 2) ** 2
        return ((u - 0.5) * 2 * wide, y + 0.07 * bow + (v - 0.5) * tall * 0.3, z + (v - 0.5) * tall * (1 + 0.25 * bow))

    surface(at, 24, 6, material, thickness=0.045, smooth=1)


def _cushion_pad(material: Any, wide: float, deep: float, thick: float, at: tuple[float, float, float],
                 turn: tuple[float, float, float] = (0, 0, 0)) -> None:  # fmt: skip
    for side in (1, -1):

        def half(u: float, v: float, side: int = side) -> tuple[float, float, float]:
            x, y = (u - 0.5) * 2, (v - 0.5) * 2
            full = max(0.0, 1 - x**8) ** 0.4 * max(0.0, 1 - y**8) ** 0.4
            return (x * wide, y * deep, side * thick * (0.45 + 0.55 * full) * (full > 0))

        surface(half, 40, 40, material, at=at, turn=turn)


def _block(material: Any, half: tuple[float, float, float], at: tuple[float, float, float], lean: float = 0.0) -> None:
    """An upholstered block: a sphere pulled into a soft cuboid, each side with cloth of its own."""

    def soft(value: float) -> float:
        return math.copysign(abs(value) ** 0.42, value)

    def point(u: float, v: float) -> tuple[float, float, float]:
        a, b = u * 2 * math.pi, (v - 0.5) * math.pi
        x, y, z = math.cos(b) * math.cos(a), math.cos(b) * math.sin(a), math.sin(b)
        length = max(abs(soft(x)), abs(soft(y)), abs(soft(z)), 1e-6)
        x, y, z = (soft(c) / length * (0.86 + 0.14 * length) for c in (x, y, z))
        return (x * half[0], y * half[1], z * half[2])

    surface(point, 72, 48, material, smooth=1, at=at, turn=(lean, 0, 0))


def _tub(material: Any, design: Design) -> None:
    """A round seat whose wall rises from the front to the back."""
    wide, high = 0.72 * design.girth, design.height

    def wall(u: float, v: float) -> tuple[float, float, float]:
        a = u * 2 * math.pi + math.pi / 2  # the seam is at the back
        back = 0.5 + 0.5 * math.sin(a)
        top = (0.46 + 0.78 * back**0.8 * (back > 0.08)) * high
        out = 1 + 0.10 * v * back
        return (wide * out * math.cos(a), 0.66 * out * math.sin(a), 0.06 + v * (top - 0.06))

    surface(wall, 96, 14, material, thickness=0.16, smooth=1)
    lathe([(0, 0.06), (0.64, 0.06), (0.64, 0.4), (0, 0.42)], material)


def _lounge(design: Design, cloth: Any) -> View:
    wooden = frame(design)
    for x in (-0.56, 0.56):
        arm = [(x, -0.5, 0), (x, -0.5, 0.35), (x, -0.46, 0.78), (x, -0.3, 0.92), (x, 0.3, 0.88), (x, 0.5, 0.8)]
        tube(arm, 0.036, wooden)
        rod((x, 0.62, 0), (x, 0.42, 0.86), 0.026, 0.036, wooden)
        rod((x, -0.49, 0.42), (x, 0.53, 0.34), 0.03, 0.03, wooden)
    for y, z in ((-0.48, 0.42), (0.5, 0.34)):
        rod((-0.56, y, z), (0.56, y, z), 0.03, 0.03, wooden)
    _cushion_pad(cloth, 0.5 * design.girth, 0.52, 0.12, (0, 0, 0.5), (-0.09, 0, 0))
    _cushion_pad(cloth, 0.5 * design.girth, 0.5 * design.height, 0.11, (0, 0.5, 0.98), (1.28, 0, 0))
    return View(up=12, turn=32, fill=0.82)
