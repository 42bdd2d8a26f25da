"""What hangs on a wall or stands before it: clocks, mirrors, framed prints, shelves."""

import math

import numpy as np

from molar.assets.studio.design import Design
from molar.assets.studio.rendering.geometry import box, lathe, mesh, plate, rod, text, tube
from molar.assets.studio.rendering.materials import metal, paint
from molar.assets.studio.rendering.materials import mirror as silvered
from molar.assets.studio.rendering.nodes import Shader
from molar.assets.studio.rendering.outlines import arch, circle, profile, rectangle, rounded
from molar.assets.studio.rendering.stage import View
from molar.assets.studio.rendering.surfaces import body, frame, picture_of, plain

_UPRIGHT = (math.pi / 2, 0.0, 0.0)
_ROMAN = ("XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")
_WARM = ("#c98f3c", "#4d6350", "#b4553a", "#2f4156", "#8d5b6c", "#d9b98a")


def clock(design: Design) -> View:
    """Round, square or as a sun on a wall; arched on a shelf. At ten past ten."""
    face = body(design) if design.material not in ("paint",) else paint(design.color, 0.55)
    rim = frame(design, "X")
    dark = sum(int(design.color[i : i + 2], 16) for i in (1, 3, 5)) < 330
    hands = metal("brass") if dark else metal("black steel")
    size = 1.0
    if design.form == "sun":
        size = 0.6
        for number in range(24):
            a, length = number / 12 * math.pi, 1.5 if number % 2 == 0 else 1.15
            start, end = (
                (math.sin(a) * 0.5, 0.05, math.cos(a) * 0.5),
                (math.sin(a) * length, 0.05, math.cos(a) * length),
            )
            rod(start, end, 0.035, 0.02, rim if number % 2 == 0 else metal("brass"))
    if design.form in ("square", "arched"):
        outline = rectangle(2.0, 2.0, 0.18) if design.form == "square" else arch(2.1, 2.5)
        inner = rectangle(1.84, 1.84, 0.12) if design.form == "square" else arch(1.94, 2.34)
        plate([outline, inner], 0.3, rim, 0.02, at=(0, 0, 0.1 if design.form == "arched" else 0), turn=_UPRIGHT)
        plate([outline], 0.1, face, 0.01, at=(0, 0.03, 0.1 if design.form == "arched" else 0), turn=_UPRIGHT)
        front = -0.026
    else:
        lathe([(0, 0), (size * 0.97, 0), (size * 0.97, -0.08), (0, -0.08)], face, at=(0, 0.02, 0), turn=_UPRIGHT)
        wide = 0.05 + 0.06 * (design.seed % 3) / 2
        line = [(0.96, -0.1), (1 + wide, -0.1), (1 + wide, 0.1), (1 + wide * 0.2, 0.13), (0.96, 0.05), (0.96, -0.1)]
        lathe(rounded(np.array(line) * [size, 1], 0.02), rim, turn=_UPRIGHT, segments=128)
        front = 0.016
    marks = {"roman": "roman", "numerals": "numerals", "dots": "dots"}.get(design.pattern, "ticks")
    _dial(marks, size, front, hands)
    for degrees, length, wide, y in ((-52, 0.5, 0.05, front - 0.024), (60, 0.74, 0.036, front - 0.046)):
        a = math.radians(degrees)
        place = (math.sin(a) * size * (length / 2 - 0.06), y, math.cos(a) * size * (length / 2 - 0.06))
        box((wide * size, 0.014, length * size), hands, place, (0, a, 0), bevel=0.006)
    lathe([(0, 0.05), (0.05 * size, 0.05), (0.05 * size, 0), (0, 0)], metal("brass"), at=(0, front - 0.02, 0),
          turn=_UPRIGHT, segments=32)  # fmt: skip
    if design.form == "arched":
        box((2.3, 0.5, 0.14), rim, (0, 0, -1.2), bevel=0.03)
        return View(up=8, turn=16, fill=0.74)
    return View(up=2, fill=0.74, wall=True)


def mirror(design: Design) -> View:
    """In a frame of wood or metal."""
    wide, high = design.girth, design.height
    if design.form == "round":
        outer, inner = circle(1.0, 128), circle(0.91, 128)
    elif design.form == "arch":
        outer, inner = arch(1.44 * wide, 2.2 * high), arch(1.3 * wide, 2.06 * high)
    elif design.form == "rectangle":
        outer, inner = rectangle(1.4 * wide, 2.0 * high, 0.08), rectangle(1.26 * wide, 1.86 * high, 0.04)
    elif design.form == "sunburst":
        outer, inner = circle(0.62, 128), circle(0.55, 128)
        for number in range(32):
            a, length = number / 16 * math.pi, (1.3, 0.95, 1.12, 0.95)[number % 4]
            start, end = (
                (math.sin(a) * 0.58, 0.02, math.cos(a) * 0.58),
                (math.sin(a) * length, 0.02, math.cos(a) * length),
            )
            rod(start, end, 0.03, 0.012, frame(design))
    else:
        angles = np.linspace(0, 2 * math.pi, 128, endpoint=False)
        shape = [
            (wide * (0.86 + 0.08 * math.cos(2 * a + 0.6 + design.seed % 5)) * math.cos(a),
             high * (1.0 + 0.07 * math.sin(2 * a)) * math.sin(a))
            for a in angles
        ]  # fmt: skip
        outer, inner = shape, [(0.93 * x, 0.93 * y) for x, y in shape]
    plate([outer, inner], 0.12, frame(design), 0.025, turn=_UPRIGHT)
    plate([inner], 0.03, silvered(), 0.0, turn=_UPRIGHT)
    return View(up=3, fill=0.8, wall=True)


def framed_print(design: Design) -> View:
    """A print behind a mount, in a frame."""
    wide, high = {"portrait": (1.5, 2.0), "landscape": (2.1, 1.5), "square": (1.8, 1.8), "tall": (1.1, 2.2)}[
        design.form
    ]
    wide, high = wide * design.girth, high * design.height
    bar = (0.06, 0.09, 0.13)[design.seed % 3]
    outer, inner = rectangle(wide, high, 0.02), rectangle(wide - 2 * bar, high - 2 * bar, 0.01)
    plate([outer, inner], 0.14, frame(design), 0.015, turn=_UPRIGHT)
    mount = (0.0, 0.16, 0.24)[design.seed // 3 % 3]
    _sheet(wide - 2 * bar + 0.02, high - 2 * bar + 0.02, 0.0, paint("#f3f0e8", 0.8))
    inside_wide, inside_high = wide - 2 * bar - 2 * mount, high - 2 * bar - 2 * mount
    shader = Shader("print")
    repeats = 1.0 if design.pattern in ("print", "lines", "pebbles") else 2.0
    picture = picture_of(design, repeats, inside_high / inside_wide, 640)
    shader.set(Base_Color=shader.picture(picture, shader.place("UV")), Roughness=0.75)
    _sheet(inside_wide, inside_high, -0.004, shader.material)
    return View(up=2, fill=0.78, wall=True)


def shelf(design: Design) -> View:
    """On a wall with brackets, as a leaning ladder, as a cube, or as a tall rack; with a few things on it."""
    board, legs = plain(design.material, design.color, design.seed, "X"), frame(design)
    wide, high = 1.0 * design.girth, 2.0 * design.height
    if design.form == "bracket":
        for z in (0.0, 0.62):
            box((2.2 * wide, 0.5, 0.07), board, (0, -0.25, z), bevel=0.012)
            for x in (-0.75 * wide, 0.75 * wide):
                tube([(x, -0.02, z - 0.04), (x, -0.02, z - 0.28), (x, -0.42, z - 0.04)], 0.018, legs, straight=True)
                tube([(x, -0.02, z - 0.045), (x, -0.46, z - 0.045)], 0.018, legs, straight=True)
        _books(design, -0.7 * wide, 0.035, -0.22)
        _pot(design, 0.55 * wide, 0.655, -0.24)
        return View(up=6, fill=0.84, wall=True)
    if design.form == "cube":
        side = 1.6
        for x in (-side / 2, 0, side / 2):
            box((0.07, 0.6, side), board, (x * wide, 0, side / 2), bevel=0.01)
        for z in (0, side / 2, side):
            box((side * wide + 0.07, 0.6, 0.07), board, (0, 0, z), bevel=0.01)
        box((side * wide, 0.02, side), paint("#efece6", 0.7), (0, 0.29, side / 2), bevel=0)
        _books(design, -0.68 * wide, 0.035, 0.0)
        _pot(design, 0.4 * wide, side / 2 + 0.035, 0.0)
        return View(up=11, turn=22, fill=0.8)
    leaning = design.form == "ladder"
    for x in (-0.62 * wide, 0.62 * wide):
        for y in (-0.3, 0.3):
            lean = 0.55 if leaning and y < 0 else 0.0
            rod((x, y, 0), (x, y + lean, high), 0.03, 0.03, legs)
    for number, z in enumerate(np.linspace(0.2, high - 0.06, 5 if design.form == "rack" else 4)):
        front = -0.3 + (0.55 * z / high if leaning else 0)
        box((1.3 * wide, 0.32 - front, 0.05), board, (0, (0.32 + front) / 2, z), bevel=0.01)
        if number == 1:
            _books(design, -0.5 * wide, z + 0.025, 0.1)
        if number == 2:
            _pot(design, 0.3 * wide, z + 0.025, 0.1)
    return View(up=9, turn=24, fill=0.86)


def _dial(marks: str, size: float, front: float, ink: object) -> None:
    for number in range(12):
        a = number / 6 * math.pi
        x, z = math.sin(a) * size, math.cos(a) * size
        if marks == "ticks":
            long = 0.14 if number % 3 == 0 else 0.09
            place = (x * (0.88 - long / 2), front, z * (0.88 - long / 2))
            box((0.024 * size, 0.012, long * size), ink, place, (0, a, 0), bevel=0)
        elif marks == "dots":
            outline = [(0, 0), (0.035 * size, 0), (0.03 * size, 0.012), (0, 0.014)]
            lathe(outline, ink, at=(x * 0.82, front + 0.002, z * 0.82), turn=_UPRIGHT, segments=24)
        else:
            words = _ROMAN[number] if marks == "roman" else str(number or 12)
            text(words, (0.2 if marks == "roman" else 0.26) * size, ink, (x * 0.77, front, z * 0.77))


def _sheet(wide: float, high: float, y: float, material: object) -> None:
    x, z = wide / 2, high / 2
    corners = [(-x, y, -z), (x, y, -z), (x, y, z), (-x, y, z)]
    mesh(corners, [(0, 1, 2, 3)], material, [(0, 0), (1, 0), (1, 1), (0, 1)], 0)


def _books(design: Design, x: float, z: float, y: float) -> None:
    rng = np.random.default_rng(design.seed)
    for number in range(6):
        thick, tall = rng.uniform(0.05, 0.09), rng.uniform(0.34, 0.48)
        color = _WARM[int(rng.integers(len(_WARM)))]
        lean = 0.16 if number == 5 else 0.0
        box(
            (thick, 0.3, tall),
            paint(color, 0.7),
            (x + thick / 2 + lean * 0.2, y, z + tall / 2),
            (0, lean, 0),
            bevel=0.008,
        )
        x += thick + 0.004


def _pot(design: Design, x: float, z: float, y: float) -> None:
    outline = profile([(0, 0), (0.1, 0), (0.17, 0.1), (0.15, 0.24), (0.06, 0.34), (0.08, 0.4), (0, 0.4)])
    lathe(outline, paint(design.accent, 0.4), at=(x, y, z))
