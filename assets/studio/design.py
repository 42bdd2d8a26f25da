"""What a picture shows: the one thing that the catalogue and the renderer share."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Design:
    """A product's look; colours are "#rrggbb".

    Attributes:
        kind: of the product, such as "mug".
        form: one of the kind's forms.
        color: of its body.
        accent: of its second colour: a dip, a band, a trim.
        third: of patterns with three.
        material: of its body, one of those that `rendering.surfaces.plain` knows.
        finish: of a glaze: gloss, satin or matte.
        frame: material of legs, handles, frames and rims: a wood or a metal, "rattan" or "leather".
        relief: of a turned body: "", wobble, flutes, ribs or facets.
        pattern: "", "speckled", "dipped", or one of `patterns.PATTERNS`.
        girth: factor of its width.
        height: factor of its height.
        seed: of what is scattered.
        backdrop: tint behind it, given at random.
    """

    kind: str
    form: str
    color: str
    accent: str
    third: str
    material: str
    finish: str
    frame: str
    relief: str
    pattern: str
    girth: float
    height: float
    seed: int
    backdrop: str


def write_designs(path: Path, designs: dict[str, Design]) -> None:
    """Designs by name, as JSON."""
    path.write_text(json.dumps({name: asdict(design) for name, design in designs.items()}, indent=1) + "\n")


def read_designs(path: Path) -> dict[str, Design]:
    """The same back."""
    return {name: Design(**design) for name, design in json.loads(path.read_text()).items()}
