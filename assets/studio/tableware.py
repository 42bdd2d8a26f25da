"""How small things are drawn, most of them turned on a lathe; `form` runs from 0 to 3."""

import numpy as np

from molar.assets.studio.drawing import FLOOR, Color, Studio, mix, smooth
from molar.assets.studio.look import DARK, WHITE, Look, finish_body


def mug(studio: Studio, look: Look, form: int) -> None:
    """A mug: straight, tapered, rounded or tall."""
    top, profiles = 44 - 4 * (form == 3), ([19, 19], [21, 16], [19, 22, 15], [16, 16])
    radii = profiles[form]
    ys = np.linspace(top, FLOOR - 2, len(radii))
    studio.shadow(50, 50)
    handle = smooth([(66, top + 9), (80, top + 10), (82, top + 22), (74, top + 30), (64, top + 31)])
    studio.line(handle, 4.4, look.main if form != 1 else look.accent)
    mask = studio.turned(list(zip(radii, ys, strict=True)), look.main)
    finish_body(studio, mask, look, top, FLOOR)
    studio.opening(radii[0], top, mix(look.main, DARK, 0.35), look.main)


def bowl(studio: Studio, look: Look, form: int) -> None:
    """A bowl: shallow, deep, flared or footed."""
    rim, top = (33, 30, 35, 29)[form], (58, 50, 56, 50)[form]
    profile = [(rim, top), (rim * 0.93, top + 9), (rim * 0.7, FLOOR - 8), (rim * 0.4, FLOOR - 3)]
    studio.shadow(50, 62)
    if form == 3:
        studio.turned([(9, FLOOR - 9), (12, FLOOR - 2)], look.frame)
        profile = [(r, y - 6) for r, y in profile]
        top -= 6
    mask = studio.turned(profile, look.main)
    finish_body(studio, mask, look, top, FLOOR)
    studio.opening(rim, top, mix(look.main, look.accent, 0.45), look.main)


def vase(studio: Studio, look: Look, form: int) -> None:
    """A vase: bottle, round, hourglass or cylinder; two forms hold dried stems."""
    profiles = (
        [(6, 30), (6, 42), (17, 56), (19, 68), (12, FLOOR - 2)],
        [(8, 40), (20, 52), (24, 64), (18, 76), (12, FLOOR - 2)],
        [(14, 30), (8, 44), (15, 58), (20, 70), (13, FLOOR - 2)],
        [(13, 34), (14, 50), (14, 66), (13, FLOOR - 2)],
    )
    profile = profiles[form]
    studio.shadow(50, 42)
    if form in (1, 2):
        for i in range(5):
            tip = (38 + 6 * i, 8 + 4 * abs(i - 2))
            studio.line(smooth([(50, profile[0][1] + 4), (48 + i, 28), tip]), 0.9, (150, 128, 88))
            studio.ellipse([tip[0] - 2.2, tip[1] - 4, tip[0] + 2.2, tip[1] + 6], (206, 178, 128), 0.5)
    mask = studio.turned(profile, look.main)
    finish_body(studio, mask, look, profile[0][1], FLOOR)
    studio.opening(profile[0][0], profile[0][1], mix(look.main, DARK, 0.5), look.main)


def candle(studio: Studio, look: Look, form: int) -> None:
    """A candle in a glass or a tin, or free-standing."""
    radius, top = (17, 20, 13, 10)[form], (50, 56, 44, 34)[form]
    studio.shadow(50, radius * 2.4)
    mask = studio.turned([(radius, top), (radius, FLOOR - 2)], mix(look.main, WHITE, 0.12))
    if form < 2:
        studio.within(mask, [(36, 60), (64, 60), (64, 76), (36, 76)], WHITE, 0.5)
        for i, width in enumerate((16, 10)):
            studio.within(
                mask,
                [
                    (50 - width / 2, 65 + 4 * i),
                    (50 + width / 2, 65 + 4 * i),
                    (50 + width / 2, 66 + 4 * i),
                    (50 - width / 2, 66 + 4 * i),
                ],
                look.accent,
                0,
            )
    elif form == 2:
        finish_body(studio, mask, look, top, FLOOR)
    studio.opening(radius, top, mix(look.accent, WHITE, 0.55), look.main)
    studio.line([(50, top + 1), (50, top - 4)], 0.8, DARK)
    studio.polygon(
        smooth([(50, top - 13), (52.4, top - 7), (50, top - 3), (47.6, top - 7), (50, top - 13)]), (255, 202, 96), 0.2
    )


def teapot(studio: Studio, look: Look, form: int) -> None:
    """A teapot or kettle: round, low, tall or with an arched handle."""
    wide, top = (24, 27, 19, 23)[form], (46, 54, 38, 52)[form]
    studio.shadow(50, 60)
    spout_y = top + 14
    studio.polygon(
        smooth(
            [
                (50 - wide * 0.8, spout_y + 12),
                (22, spout_y + 4),
                (15, top - 2),
                (20, top - 3),
                (28, spout_y - 4),
                (50 - wide * 0.7, spout_y),
            ]
        ),
        look.main,
        0.7,
    )
    if form == 3:
        studio.line(smooth([(32, top + 2), (34, 28), (50, 22), (66, 28), (68, top + 2)]), 2.6, look.frame)
    else:
        studio.line(
            smooth([(50 + wide * 0.7, top + 7), (86, top + 4), (87, top + 20), (50 + wide * 0.75, top + 26)]),
            3.2,
            look.frame,
        )
    profile = [(wide * 0.5, top), (wide, top + (FLOOR - top) * 0.5), (wide * 0.62, FLOOR - 2)]
    mask = studio.turned(profile, look.main)
    finish_body(studio, mask, look, top, FLOOR)
    studio.turned([(2.6, top - 9), (3.2, top - 5)], look.frame)
    studio.turned([(4, top - 5), (wide * 0.52, top), (wide * 0.5, top + 1.5)], mix(look.main, WHITE, 0.08))


def planter(studio: Studio, look: Look, form: int) -> None:
    """A potted plant: snake plant, rubber tree, cactus or grass, in a pot or on legs."""
    studio.shadow(50, 42)
    green: Color = ((74, 118, 72), (52, 96, 66), (94, 138, 88), (112, 150, 84))[form]
    if form == 0:
        for x, tip, lean in ((44, 18, -5), (50, 10, 0), (56, 20, 5), (47, 28, -2), (54, 30, 3)):
            studio.polygon(
                smooth([(x - 3, 58), (x + lean - 3.5, 38), (x + lean, tip), (x + lean + 3.5, 38), (x + 3, 58)]),
                green,
                1.0,
            )
    elif form == 1:
        studio.line([(50, 60), (50, 20)], 1.6, (108, 84, 60))
        for i in range(7):
            side, y = (-1) ** i, 52 - 5.2 * i
            studio.polygon(
                smooth([(50, y), (50 + side * 9, y - 8), (50 + side * 19, y - 7), (50 + side * 11, y + 1), (50, y)]),
                mix(green, WHITE, 0.05 * (i % 3)),
                0.9,
            )
    elif form == 2:
        studio.turned([(4, 24), (9, 32), (10, 60)], green)
        studio.turned([(3, 34), (4.5, 38), (4.5, 50)], green, center=66)
        studio.line([(58, 49), (66, 49)], 5, green)
    else:
        for i in range(15):
            end = 26 + 3.5 * i
            studio.line(
                smooth([(50, 60), (50 + (end - 50) * 0.5, 30 + abs(i - 7)), (end, 26 + 2.4 * abs(i - 7))]),
                1.7,
                mix(green, WHITE, 0.06 * (i % 3)),
            )
    top = 58
    if form == 3:
        for x in (38, 50, 62):
            studio.line([(x, 74), (x - 2 + (x > 50) * 4, FLOOR)], 1.8, look.frame)
    profile = [(17, top), (15, 70), (12, FLOOR - 2 - 6 * (form == 3))]
    mask = studio.turned(profile, look.main)
    finish_body(studio, mask, look, top, FLOOR)
