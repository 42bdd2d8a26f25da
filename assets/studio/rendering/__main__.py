"""Renders designs to WebP pictures, in one process or several; what is there already is kept.

blender/bin/python -m molar.assets.studio.rendering designs.json --out assets/studio/rendered
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

from molar.assets.studio.design import Design, read_designs
from molar.assets.studio.rendering import (
    decoration,
    furnishing,
    lighting,
    pouring,
    seating,
    soft,
    tableware,
    vessels,
    walls,
)
from molar.assets.studio.rendering.stage import View, clear, photograph, set_up

KINDS: dict[str, Callable[[Design], View]] = {
    "mug": tableware.mug, "bowl": tableware.bowl, "plate": tableware.plate_, "tray": tableware.tray,
    "board": tableware.board, "teapot": pouring.teapot, "kettle": pouring.kettle, "bottle": pouring.bottle,
    "jar": vessels.jar, "vase": vessels.vase, "planter": decoration.planter, "candle": decoration.candle,
    "candlestick": decoration.candlestick, "basket": decoration.basket, "clock": walls.clock, "mirror": walls.mirror,
    "print": walls.framed_print, "shelf": walls.shelf, "lamp": lighting.lamp, "pendant": lighting.pendant,
    "chair": seating.chair, "armchair": seating.armchair, "stool": seating.stool, "table": furnishing.table,
    "cushion": soft.cushion, "rug": soft.rug, "pouf": soft.pouf, "speaker": furnishing.speaker,
}  # fmt: skip


def render(designs: dict[str, Design], out: Path, pixels: int, samples: int, threads: int, quality: int) -> None:
    """Render each design that has no picture yet to `out`/NAME.webp; the same design gives the same picture."""
    set_up(pixels, samples, threads)
    for name, design in designs.items():
        path = out / f"{name}.webp"
        if path.exists():
            continue
        began = time.perf_counter()
        clear()
        partial = out / f".{name}.{os.getpid()}.webp"
        photograph(KINDS[design.kind](design), design.backdrop, partial, pixels, quality)
        partial.rename(path)
        print(f"{name} {time.perf_counter() - began:.1f} s {path.stat().st_size / 1024:.1f} KB", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("designs", type=Path, help="JSON of designs by name")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--pixels", type=int, default=384, help="side of a picture (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=10, help="rays for each pixel (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quality", type=int, default=85, help="of WebP, 0 to 100 (default: %(default)s)")
    parser.add_argument("--part", default="0/1", help="i/n: only every n-th design from the i-th on")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    begin, step = map(int, options.part.split("/"))
    designs = dict(list(read_designs(options.designs).items())[begin::step])
    render(designs, options.out, options.pixels, options.samples, options.threads, options.quality)


if __name__ == "__main__":
    main()
