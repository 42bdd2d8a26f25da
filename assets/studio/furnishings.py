"""How furniture, textiles and things on the wall are drawn; `form` runs from 0 to 3."""

import numpy as np

from molar.assets.studio.drawing import FLOOR, Color, Studio, mix, smooth
from molar.assets.studio.look import DARK, WHITE, Look, finish_body


def lamp(studio: Studio, look: Look, form: int) -> None:
    """A table lamp: cone, drum, mushroom or globe."""
    studio.shadow(50, 40)
    bases = (
        [(3, 48), (4, 66), (15, FLOOR - 2)],
        [(4, 46), (14, 60), (15, 72), (9, FLOOR - 2)],
        [(4, 44), (4, 74), (14, FLOOR - 2)],
        [(3, 54), (3, 76), (16, FLOOR - 2)],
    )
    studio.turned(bases[form], look.frame if form in (0, 2) else look.main)
    glow = mix(look.accent, (255, 236, 190), 0.55)
    if form == 3:
        studio.ellipse([30, 18, 70, 58], mix(glow, WHITE, 0.4), 0.8)
    elif form == 2:
        studio.turned([(3, 18), (22, 26), (30, 40), (29, 46)], look.main)
    else:
        top, bottom = (11, 27) if form == 0 else (21, 25)
        studio.turned([(top, 16), (bottom, 48)], glow)
        studio.opening(top, 16, mix(glow, WHITE, 0.5), glow)


def clock(studio: Studio, look: Look, form: int) -> None:
    """A wall clock: round, framed, square or sunburst."""
    studio.shadow(50, 62, y=54, depth=44, strength=52)
    face = look.main if form % 2 else WHITE
    if form == 3:
        for angle in np.linspace(0, 2 * np.pi, 25)[:-1]:
            reach = 40 if round(angle / (np.pi / 12)) % 2 else 34
            studio.line(
                [
                    (50 + 20 * np.cos(angle), 50 + 20 * np.sin(angle)),
                    (50 + reach * np.cos(angle), 50 + reach * np.sin(angle)),
                ],
                1.5,
                look.frame,
            )
    radius = 22 if form == 3 else 34
    if form == 2:
        studio.polygon([(17, 17), (83, 17), (83, 83), (17, 83)], look.frame, 0.5, 0.12)
        studio.polygon([(21, 21), (79, 21), (79, 79), (21, 79)], face, 0.25)
        radius = 29
    else:
        studio.ellipse([50 - radius, 50 - radius, 50 + radius, 50 + radius], look.frame, 0.7)
        inner = radius - 3
        studio.ellipse([50 - inner, 50 - inner, 50 + inner, 50 + inner], face, 0.25)
    marks = DARK if sum(face) > 380 else WHITE
    for angle in np.linspace(0, 2 * np.pi, 13)[:-1]:
        a, b = (radius - 8) / radius, (radius - 5) / radius
        studio.line([(50 + radius * k * np.cos(angle), 50 + radius * k * np.sin(angle)) for k in (a, b)], 1.0, marks)
    studio.line([(50, 50), (50 - radius * 0.4, 50 - radius * 0.28)], 1.7, marks)
    studio.line([(50, 50), (50 + radius * 0.3, 50 - radius * 0.55)], 1.2, marks)
    studio.ellipse([48.4, 48.4, 51.6, 51.6], look.accent)


def cushion(studio: Studio, look: Look, form: int) -> None:
    """A cushion: square or long, with stripes, blocks, arches or a plain weave."""
    studio.shadow(50, 64)
    left, top, right, bottom = ((22, 26, 78, FLOOR), (14, 42, 86, FLOOR), (20, 24, 80, FLOOR), (22, 26, 78, FLOOR))[
        form
    ]
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    pinch = 2.5
    outline = smooth(
        [
            (left, top),
            (middle_x, top + pinch),
            (right, top),
            (right - pinch, middle_y),
            (right, bottom),
            (middle_x, bottom - pinch),
            (left, bottom),
            (left + pinch, middle_y),
            (left, top),
        ]
    )
    mask = studio.polygon(outline, look.main, 0.7, 0.16)
    width, height = right - left, bottom - top
    if look.pattern == "striped":
        for i in range(5):
            x = left + width * (0.1 + 0.18 * i)
            studio.within(mask, [(x, 0), (x + width * 0.07, 0), (x + width * 0.07, 100), (x, 100)], look.accent, 0.7)
    elif look.pattern == "banded":
        studio.within(mask, [(left, middle_y), (right, middle_y), (right, 100), (left, 100)], look.accent, 0.7)
    elif look.pattern == "speckled":
        for i in range(3):
            for j in range(3):
                x, y = left + width * (0.22 + 0.28 * i), top + height * (0.22 + 0.28 * j)
                studio.within(mask, [(x - 5, y), (x, y - 6), (x + 5, y), (x, y + 6)], look.accent, 0.7)


def rug(studio: Studio, look: Look, form: int) -> None:
    """A rug lying on the floor: rectangular with fringes, or round."""

    def on_floor(u: float, v: float) -> tuple[float, float]:
        return 50 + (u - 0.5) * 62 + (v - 0.5) * 20, 66 + (v - 0.5) * 44 - (u - 0.5) * 10

    studio.shadow(48, 74, y=70, depth=22, strength=44)
    if form == 3:
        mask = studio.ellipse([10, 48, 90, 88], look.main, 0.35)
        studio.ellipse([18, 52, 82, 84], look.accent, 0.3)
        studio.ellipse([26, 56, 74, 80], look.main, 0.3)
        return
    for v in (0.0, 1.0):
        for u in np.linspace(0.01, 0.99, 34):
            x, y = on_floor(u, v)
            studio.line(
                [(x, y), (x + (1.2 if v else -1.2), y + (2.6 if v else -2.6))], 0.6, mix(look.accent, WHITE, 0.5)
            )
    mask = studio.polygon([on_floor(u, v) for u, v in ((0, 0), (1, 0), (1, 1), (0, 1))], look.main, 0.3, 0.18)
    if form == 0:
        for u in np.linspace(0.08, 0.86, 6):
            studio.within(
                mask,
                [on_floor(u, -0.2), on_floor(u + 0.06, -0.2), on_floor(u + 0.06, 1.2), on_floor(u, 1.2)],
                look.accent,
                0.3,
            )
    elif form == 1:
        for u in np.linspace(0.14, 0.86, 5):
            for v in (0.25, 0.5, 0.75):
                studio.within(
                    mask,
                    [on_floor(u - 0.06, v), on_floor(u, v - 0.1), on_floor(u + 0.06, v), on_floor(u, v + 0.1)],
                    look.accent,
                    0.3,
                )
    else:
        for near, color in ((0.08, look.accent), (0.16, look.main)):
            studio.within(
                mask,
                [on_floor(u, v) for u, v in ((near, near), (1 - near, near), (1 - near, 1 - near), (near, 1 - near))],
                color,
                0.3,
            )


def chair(studio: Studio, look: Look, form: int) -> None:
    """A chair: shell, slatted, lounge or stool."""
    studio.shadow(50, 52)
    seat = 60 if form != 2 else 66
    for x, foot in ((36, 32), (64, 69), (40, 42), (60, 58)):
        studio.line([(x, seat), (foot, FLOOR - (2 if x in (40, 60) else 0))], 2.2, look.frame)
    if form == 0:
        studio.polygon(
            smooth([(33, 24), (50, 18), (67, 24), (68, 46), (62, 58), (38, 58), (32, 46), (33, 24)]), look.main, 0.8
        )
        studio.polygon(
            smooth([(32, 56), (50, 52), (68, 56), (66, 63), (34, 63), (32, 56)]), mix(look.main, WHITE, 0.08), 0.6
        )
    elif form == 1:
        for x in (34, 66):
            studio.line([(x, seat), (x, 20)], 2.4, look.frame)
        for y in (24, 34, 44):
            studio.polygon([(33, y), (67, y - 1), (67, y + 4), (33, y + 5)], look.frame, 0.6, 0.2)
        studio.polygon([(31, 56), (69, 56), (72, 63), (29, 63)], look.main, 0.6, 0.1)
    elif form == 2:
        studio.polygon(smooth([(28, 28), (50, 24), (72, 28), (72, 62), (28, 62), (28, 28)]), look.main, 0.7, 0.1)
        studio.polygon([(25, 56), (75, 56), (77, 68), (24, 68)], mix(look.main, WHITE, 0.1), 0.7, 0.1)
        for x in (24, 76):
            studio.line([(x, 70), (x, 50), (x + (5 if x < 50 else -5), 47)], 2.6, look.frame)
    else:
        studio.turned([(24, 52), (25, 57), (24, 61)], look.main)
        studio.ellipse([26, 47.5, 74, 56], mix(look.main, WHITE, 0.14), 0.4)


def table(studio: Studio, look: Look, form: int) -> None:
    """A small table: pedestal, hairpin, drum or nesting."""
    studio.shadow(50, 66)
    if form == 0:
        studio.turned([(2.6, 46), (2.6, 74), (15, FLOOR - 2)], look.frame)
    elif form == 2:
        mask = studio.turned([(27, 48), (27, FLOOR - 4)], look.main, grain=0.16)
        finish_body(studio, mask, look, 48, FLOOR)
    else:
        for x, foot in ((22, 18), (78, 82), (34, 33), (66, 67)):
            studio.line([(x, 48), (foot, FLOOR - (4 if 30 < x < 70 else 0))], 1.5 if form == 1 else 2.8, look.frame)
    if form == 1:
        studio.polygon([(20, 42), (80, 42), (88, 50), (12, 50)], mix(look.main, WHITE, 0.12), 0.4, 0.22)
        studio.polygon([(12, 50), (88, 50), (88, 53), (12, 53)], mix(look.main, DARK, 0.2), 0.4)
        return
    radius = 30 if form == 2 else 36
    studio.ellipse([50 - radius, 42, 50 + radius, 55], mix(look.main, DARK, 0.25), 0.8)
    studio.ellipse([50 - radius, 40, 50 + radius, 52.5], mix(look.main if form != 2 else look.accent, WHITE, 0.1), 0.5)


def mirror(studio: Studio, look: Look, form: int) -> None:
    """A wall mirror: round, arched, tall or with a shelf."""
    studio.shadow(50, 50 if form in (1, 2) else 60, y=54, depth=46, strength=48)
    arc = [(50 + 25 * np.cos(a), 36 - 25 * np.sin(a)) for a in np.linspace(0, np.pi, 40)]
    inner = [(50 + 22.4 * np.cos(a), 36 - 22.4 * np.sin(a)) for a in np.linspace(0, np.pi, 40)]
    glass: Color = (204, 214, 218)
    if form == 0:
        studio.ellipse([17, 17, 83, 83], look.frame, 0.7)
        mask = studio.ellipse([20.5, 20.5, 79.5, 79.5], glass, 0.35)
    elif form == 1:
        studio.polygon([*arc, (25, 88), (75, 88)], look.frame, 0.7)
        mask = studio.polygon([*inner, (27.6, 85.4), (72.4, 85.4)], glass, 0.35)
    else:
        edge = 32 if form == 2 else 24
        studio.polygon(
            [(edge, 12), (100 - edge, 12), (100 - edge, 88 - 12 * (form == 3)), (edge, 88 - 12 * (form == 3))],
            look.frame,
            0.7,
            0.12,
        )
        mask = studio.polygon(
            [(edge + 3, 15), (97 - edge, 15), (97 - edge, 85 - 12 * (form == 3)), (edge + 3, 85 - 12 * (form == 3))],
            glass,
            0.35,
        )
        if form == 3:
            studio.polygon([(18, 76), (82, 76), (86, 81), (14, 81)], look.main, 0.5, 0.2)
    for offset in (0, 14):
        studio.within(
            mask, [(30 + offset, 0), (38 + offset, 0), (2 + offset, 100), (-6 + offset, 100)], (226, 233, 235), 0
        )
