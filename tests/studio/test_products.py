"""The shop's products: their words, their pictures, and that the two agree."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from molar.assets.studio.palette import srgb
from molar.assets.studio.pictures import FOLDER, contact_sheet, picture_of
from molar.assets.studio.products import HELD_OUT, PER_KIND, Product, make_held_out, make_products
from molar.assets.studio.styles import STYLES
from molar.assets.studio.wording import NOUNS, noun_of

# Bodies of one even colour that takes up most of the picture's middle.
_EVEN = ("ceramic", "lacquer", "linen", "canvas", "velvet", "leather", "clay")
_BULKY = ("mug", "bowl", "plate", "teapot", "kettle", "jar", "vase", "cushion", "pouf", "armchair", "rug")


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return make_products(0)


def pixels(product: Product) -> np.ndarray:
    """(384, 384, 3) from 0 to 1."""
    with Image.open(picture_of(product)) as image:
        return np.asarray(image.convert("RGB"), float) / 255


def test_the_shop_has_728_products_of_28_kinds_in_seven_styles(products: list[Product]) -> None:
    assert len(products) == 728
    assert Counter(product.design.kind for product in products) == dict.fromkeys(NOUNS, PER_KIND)
    styles = Counter(product.style for product in products)
    assert set(styles) == {style.name for style in STYLES}
    assert min(styles.values()) >= 100


def test_no_two_products_share_a_title_a_look_or_a_picture(products: list[Product]) -> None:
    everything = [*products, *make_held_out(0)]
    assert len({product.item_id for product in everything}) == len(everything) == 728 + HELD_OUT
    assert len({product.title for product in everything}) == len(everything)
    files = [picture_of(product).read_bytes() for product in everything]
    assert len({hashlib.sha256(file).digest() for file in files}) == len(files)
    assert {path.stem for path in FOLDER.glob("*.webp")} == {product.item_id for product in everything}


def test_pictures_of_a_kind_differ_to_the_eye(products: list[Product]) -> None:
    small = {}
    for product in products:
        with Image.open(picture_of(product)) as image:
            assert image.size == (384, 384)
            small[product.item_id] = np.asarray(image.convert("RGB").resize((24, 24)), float)
    for kind in NOUNS:
        of_kind = np.stack([small[p.item_id] for p in products if p.design.kind == kind]).reshape(PER_KIND, -1)
        apart = np.abs(of_kind[:, None] - of_kind[None]).mean(2)
        assert apart[~np.eye(PER_KIND, dtype=bool)].min() > 1.0, kind


def test_the_same_seed_gives_the_same_shop_and_another_gives_another(products: list[Product]) -> None:
    assert make_products(0) == products
    assert sum(a.design == b.design for a, b in zip(products, make_products(1), strict=True)) < 10


def test_words_say_what_the_design_is(products: list[Product]) -> None:
    for product in products:
        noun = noun_of(product.design)
        assert noun.lower() in product.title.lower(), product
        text = f"{product.title} {product.description}"
        assert "{" not in text and "  " not in text and " ." not in text and " ," not in text, text
        assert product.title[0].isupper() and product.description.endswith("."), product
        assert product.color in text.lower() or product.material in text.lower(), text
        assert 9 <= product.price <= 1500


def test_descriptions_vary(products: list[Product]) -> None:
    assert len({product.description for product in products}) > 0.97 * len(products)


def test_the_colour_in_words_is_the_colour_in_the_picture(products: list[Product]) -> None:
    """The body's own colour is nearer to what the picture shows than nearly all other colours of the shop."""
    known = {name: color for style in STYLES for name, color in style.colors.items()}
    names, colors = list(known), np.array([srgb(color) for color in known.values()])
    ranks = []
    for product in products:
        design = product.design
        if design.kind not in _BULKY or design.material not in _EVEN or design.pattern or product.color not in known:
            continue
        middle = pixels(product)[150:290, 130:254].reshape(-1, 3)
        shown = np.median(middle, axis=0)
        # Light makes a body paler or darker; its direction from grey stays.
        distance = np.linalg.norm(_balance(colors) - _balance(shown[None]), axis=1)
        ranks.append(int((distance < distance[names.index(product.color)]).sum()) + 1)
    assert len(ranks) > 80
    assert np.mean(np.array(ranks) <= 5) > 0.9, sorted(ranks)[-20:]


def test_backdrops_tell_nothing_of_the_style(products: list[Product]) -> None:
    corners = {product.item_id: pixels(product)[4:20, 4:20].mean((0, 1)) for product in products}
    means = [np.mean([corners[p.item_id] for p in products if p.style == style.name], axis=0) for style in STYLES]
    spread = np.std(list(corners.values()), axis=0)
    assert (np.ptp(means, axis=0) < spread).all()


def test_the_contact_sheet_shows_each_kind_in_each_style(products: list[Product]) -> None:
    sheet = contact_sheet(products)
    assert sheet.size == (14 * 116 - 4, 14 * 116 - 4)
    cells = np.asarray(sheet)[56::116, 56::116].reshape(-1, 3)
    assert not (cells == 255).all(1).any()


def test_held_out_products_are_of_the_same_kinds_in_colours_that_the_shop_lacks(products: list[Product]) -> None:
    held_out = make_held_out(0)
    assert len(held_out) == 40
    assert {product.design.kind for product in held_out} == set(NOUNS)
    seen = {product.design for product in products}
    assert not seen & {product.design for product in held_out}
    colors = {color for style in STYLES for color in style.colors.values()}
    painted = [p for p in held_out if p.design.material in _EVEN]
    assert len(painted) >= 10
    assert not {product.design.color for product in painted if product.design.material != "leather"} & colors


def _balance(colors: np.ndarray) -> np.ndarray:
    """Lightness, weighed low, and the two differences of colours (n, 3)."""
    r, g, b = colors.T
    return np.stack([0.4 * (r + g + b) / 3, r - g, (r + g) / 2 - b], axis=1)
