"""Colours and finish of a product, and how a finish is painted on a body."""

from dataclasses import dataclass

from PIL import Image

from molar.assets.studio.drawing import Color, Studio, mix

WHITE: Color = (250, 248, 244)
DARK: Color = (44, 40, 38)


@dataclass(frozen=True)
class Look:
    """Colours and finish of one product.

    Attributes:
        main: of the body.
        accent: of bands, handles and patterns.
        frame: of legs and metal parts.
        pattern: plain, banded, speckled or striped.
    """

    main: Color
    accent: Color
    frame: Color
    pattern: str


def finish_body(studio: Studio, mask: Image.Image, look: Look, top: float, bottom: float) -> None:
    """Paint the look's pattern on a body between two heights."""
    height = bottom - top
    if look.pattern == "banded":
        studio.within(mask, [(0, top + height * 0.62), (100, top + height * 0.62), (100, 100), (0, 100)], look.accent)
    elif look.pattern == "speckled":
        studio.speckle(mask, mix(look.accent, DARK, 0.35), 90)
    elif look.pattern == "striped":
        for i in range(4):
            y = top + height * (0.2 + 0.19 * i)
            studio.within(mask, [(0, y), (100, y), (100, y + height * 0.07), (0, y + height * 0.07)], look.accent)
