"""What the tests share: a small real catalogue with drawn pictures, a tiny run trained on it, and its bundle."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# Set before anything reads it: the tests share one cache of item features and leave the user's alone.
CACHE = Path(os.environ.get("PYTEST_MOLAR_CACHE", Path(__file__).parents[1] / ".pytest_cache" / "molar"))
os.environ["MOLAR_CACHE"] = str(CACHE)
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# A shell that runs the tests in its background lets them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SHOP_KINDS = (
    "mug",
    "bowl",
    "vase",
    "lamp",
    "candle",
    "clock",
    "planter",
    "cushion",
    "rug",
    "chair",
    "table",
    "mirror",
)


@pytest.fixture(scope="session")
def movielens() -> Path:
    """MovieLens-1M with posters and plots, where it is at hand."""
    if "MOLAR_DATA" not in os.environ:
        pytest.skip("MOLAR_DATA is not set: it names the folder that holds movielens-1m, which may not be shipped")
    return Path(os.environ["MOLAR_DATA"]) / "movielens-1m"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of 24 products and 60 simulated shoppers; one product has no picture, one no text."""
    import csv

    from PIL import Image

    from molar.assets.studio.pictures import picture_of
    from molar.assets.studio.products import make_products
    from molar.assets.studio.shoppers import simulate

    folder = tmp_path_factory.mktemp("shop")
    (folder / "images").mkdir()
    products = [p for p in make_products(0) if p.design.kind in _SHOP_KINDS and p.item_id[-2:] in ("01", "08")]
    with (folder / "items.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "title", "description", "image", "category", "style"])
        for number, product in enumerate(products):
            image = f"images/{product.item_id}.png" if number else ""
            if image:
                with Image.open(picture_of(product)) as picture:
                    picture.save(folder / image)
            description = product.description if number != 1 else ""
            writer.writerow([product.item_id, product.title, description, image, product.category, product.style])
    with (folder / "interactions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "timestamp"])
        for person, history in enumerate(simulate(products, 60, 7).histories):
            writer.writerows([f"u{person}", products[row].item_id, time] for time, row in enumerate(history[:20]))
    return folder


@pytest.fixture(scope="session")
def in_float32() -> Iterator[None]:
    """Items are read in float32 on every processor: the engine does so, and bfloat16 tells a tiny encoder's items apart
    with an error of 5%."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("molar.train.item_embedding.fast_bfloat16", lambda _: False)
        yield


@pytest.fixture(scope="session")
def encoder(shop: Path, in_float32: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny item encoder, fine-tuned on the shop for a few seconds."""
    from molar.train.finetune_config import FinetuneConfig
    from molar.train.item_finetuning import finetune

    folder = tmp_path_factory.mktemp("encoders") / "shop"
    config = FinetuneConfig(backbone="tiny", text_tokens=64, examples=240, batch_size=12, learning_rate=1e-2)
    finetune(shop, folder, config, "cpu")
    return folder


@pytest.fixture(scope="session")
def run(shop: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run on the shop with that encoder, evaluated."""
    from molar.train.config import preset
    from molar.train.evaluate import evaluate
    from molar.train.fit import train

    folder = tmp_path_factory.mktemp("runs") / "shop"
    train(shop, folder, preset("tiny", encoder=str(encoder)), "cpu")
    evaluate(folder)
    return folder


@pytest.fixture(scope="session")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of that run."""
    from molar.export.config import ExportConfig
    from molar.export.pack import export_run

    folder = tmp_path_factory.mktemp("bundles") / "shop"
    config = ExportConfig(name="Test shop", thumbnail_size=64, precisions="all", encoder_precision="fp32")
    export_run(run, folder, config)
    return folder


@pytest.fixture
def broken_bundle(bundle: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the bundle, to be damaged."""
    import shutil

    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    yield copy


@pytest.fixture
def broken_shop(shop: Path, tmp_path: Path) -> Path:
    """A copy of the shop, to be damaged."""
    import shutil

    copy = tmp_path / "shop"
    shutil.copytree(shop, copy)
    return copy
