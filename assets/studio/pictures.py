"""The pictures of the shop: what the renderer is to make, where it lies, and one sheet of it all.

python -m molar.assets.studio.pictures designs designs.json
python -m molar.assets.studio.pictures sheet assets/pictures/products.webp
"""

from pathlib import Path

import click
from PIL import Image

from molar.assets.studio.design import write_designs
from molar.assets.studio.products import SEED, Product, make_held_out, make_products
from molar.assets.studio.styles import STYLES

FOLDER = Path(__file__).parent / "rendered"
_BANDS = 2  # of kinds, one below the other
_SIDE, _GAP = 112, 4


def picture_of(product: Product) -> Path:
    """Its rendered picture, a WebP of 384 by 384 pixels."""
    return FOLDER / f"{product.item_id}.webp"


def contact_sheet(products: list[Product]) -> Image.Image:
    """The first product of each kind (a column) and style (a row)."""
    first: dict[tuple[str, str], Product] = {}
    for product in products:
        first.setdefault((product.design.kind, product.style), product)
    kinds = list(dict.fromkeys(kind for kind, _ in first))
    columns, rows, step = len(kinds) // _BANDS, len(STYLES) * _BANDS, _SIDE + _GAP
    sheet = Image.new("RGB", (columns * step - _GAP, rows * step - _GAP), "white")
    for (kind, style), product in first.items():
        band, column = divmod(kinds.index(kind), columns)
        row = band * len(STYLES) + [one.name for one in STYLES].index(style)
        with Image.open(picture_of(product)) as picture:
            sheet.paste(picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (column * step, row * step))
    return sheet


@click.group()
def main() -> None:
    """Pictures of the shop."""


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
def designs(out: Path) -> None:
    """Write what the renderer reads: all products, and those that are held out."""
    products = [*make_products(SEED), *make_held_out(SEED)]
    write_designs(out, {product.item_id: product.design for product in products})


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
def sheet(out: Path) -> None:
    """Write the contact sheet."""
    contact_sheet(make_products(SEED)).save(out, quality=82, method=6)


if __name__ == "__main__":
    main()
