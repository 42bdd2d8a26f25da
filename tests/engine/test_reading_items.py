"""Texts and pictures as all of Molar reads them, hostile ones included: a vector or a clear error, in bounded time."""

import io
import resource
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from molar.engine import DatasetError, NewItem, Recommender, RequestError
from molar.engine.images import open_image, square_pixels
from molar.engine.text import ATTRIBUTE_CHARACTERS, TextReader, clean_text, item_text

LONG = 100_000


@pytest.fixture(scope="module")
def recommender(bundle: Path) -> Recommender:
    return Recommender.load(bundle, "cpu")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def huge_png(side: int) -> bytes:
    """A PNG that says it has side x side pixels, in a few hundred bytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_the_text_of_an_item() -> None:
    assert item_text("Blue mug", {"color": "blue", "brand": ""}, "Holds tea.") == "Blue mug. color: blue. Holds tea."
    assert item_text("", {}, "") == ""
    assert item_text("", {"writers": "x" * 999}, "") == "writers: " + "x" * ATTRIBUTE_CHARACTERS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  two\n\nlines\tand\ttabs ", "two lines and tabs"),
        ("bell\x07 null\x00 delete\x7f", "bell null delete"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ("שלום‏ مرحبا", "שלום‏ مرحبا"),
        ("family 👨‍👩‍👧 flag 🇫🇷", "family 👨‍👩‍👧 flag 🇫🇷"),
    ],
)
def test_only_what_is_no_text_is_taken_out(text: str, expected: str) -> None:
    assert clean_text(text) == expected


def byte_reader(max_tokens: int = 8) -> TextReader:
    """A reader whose tokens are bytes, between <a> and <b>."""
    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(letters, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<a>", "<b>"])
    return TextReader(tokenizer, "<a>", "<b>", max_tokens, 99)


def test_texts_are_cut_and_padded_on_the_right() -> None:
    ids, mask = byte_reader()(["", "abc", "abcdefghijk"])
    assert mask.tolist() == [[1] * 2 + [0] * 8, [1] * 5 + [0] * 5, [1] * 10]
    assert ids[0].tolist() == [256, 257] + [99] * 8
    assert ids[1, :5].tolist() == [256, ids[2, 1], ids[2, 2], ids[2, 3], 257]
    assert byte_reader()([])[0].shape == (0, 0)


def test_special_tokens_inside_a_text_are_plain_words() -> None:
    ids, _ = byte_reader()(["<b>"])
    assert ids[0].tolist().count(257) == 1
    assert len(ids[0]) == 5


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_text_can_be_read(texts: list[str]) -> None:
    ids, mask = byte_reader()([item_text(text, {"a": text}, text) for text in texts])
    assert ids.shape == mask.shape
    assert (mask.sum(axis=1) >= 2).all()
    assert (mask.sum(axis=1) <= 10).all()


def test_a_long_text_takes_no_longer_than_what_is_read_of_it() -> None:
    read = byte_reader(128)
    started = time.perf_counter()
    read(["x" * 10_000_000])
    assert time.perf_counter() - started < 1
    assert np.array_equal(read(["word " * LONG])[0], read(["word " * 1000])[0])


PICTURE = Image.effect_noise((60, 90), 80).convert("RGB")
READABLE = {
    "an animated GIF": encoded(PICTURE, "GIF", save_all=True, append_images=[PICTURE.rotate(90)] * 5),
    "a CMYK JPEG": encoded(PICTURE.convert("CMYK"), "JPEG"),
    "a transparent PNG": encoded(PICTURE.convert("RGBA").rotate(20, expand=True), "PNG"),
    "a grey PNG with transparency": encoded(PICTURE.convert("LA"), "PNG"),
    "a PNG with a palette": encoded(PICTURE.convert("P"), "PNG"),
    "black and white": encoded(PICTURE.convert("1"), "PNG"),
    "one pixel": encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
    "a very flat picture": encoded(Image.new("RGB", (9000, 1), "red"), "PNG"),
    "16 bits a pixel": encoded(Image.fromarray(np.arange(5400, dtype=np.uint16).reshape(60, 90) * 12), "PNG"),
}
UNREADABLE = {
    "a truncated JPEG": (encoded(PICTURE, "JPEG")[:900], "not a readable picture"),
    "a PNG of 20,000 x 20,000": (huge_png(20_000), "more than 50 million pixels"),
    "a PNG of 60,000 x 60,000": (huge_png(60_000), "more than 50 million pixels"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="1" height="1"/></svg>', "unknown format"),
    "a web page": (b"<!doctype html><p>404", "unknown format"),
    "nothing": (b"", "unknown format"),
}


@pytest.mark.parametrize("name", READABLE)
def test_odd_pictures_are_read(recommender: Recommender, name: str) -> None:
    picture = open_image(READABLE[name])
    assert picture.mode == "RGB"
    pixels = square_pixels(picture, 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels.min() >= -1
    assert pixels.max() <= 1
    assert np.isfinite(recommender.embed([NewItem(image=READABLE[name])])).all()


@pytest.mark.parametrize("name", UNREADABLE)
def test_pictures_that_cannot_be_read_say_why(recommender: Recommender, name: str) -> None:
    content, message = UNREADABLE[name]
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(DatasetError, match=message):
        recommender.add_item(name, image=content)
    assert time.perf_counter() - started < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB
    assert name not in recommender.catalog


def test_16_bits_keep_their_upper_half() -> None:
    ramp = np.array([[0, 256, 32_768, 65_535]], dtype=np.uint16)
    assert np.asarray(open_image(encoded(Image.fromarray(ramp), "PNG")))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_the_first_frame_of_an_animation_is_read() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    picture = open_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert picture.getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize(
    "text", ["x" * LONG, "word " * LONG, "\x00\x07\x1b[31m", "שלום مرحبا", "👨‍👩‍👧🇫🇷" * 50, "\ud800", "<end>[SEP]"]
)
def test_odd_texts_are_read(recommender: Recommender, text: str) -> None:
    started = time.perf_counter()
    vectors = recommender.embed([NewItem(title=text), NewItem(title="mug", description=text, attributes={"a": text})])
    assert np.isfinite(vectors).all()
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("item", [NewItem(), NewItem(title=" \n"), NewItem(attributes={"color": ""})])
def test_an_item_of_nothing_says_so(recommender: Recommender, item: NewItem) -> None:
    with pytest.raises(RequestError, match="item 1 of 1 is empty; give it a picture, a title or a text"):
        recommender.embed([item])


def test_training_and_the_engine_read_the_same_bits(shop: Path, run: Path, recommender: Recommender) -> None:
    """Pixels and token ids of real items: as training feeds its backbone, and as the engine feeds the graph."""
    import torch

    from molar.export.pack_encoder import new_item
    from molar.train.dataset import load_dataset
    from molar.train.encoders import load_encoder
    from molar.train.item_pictures import open_picture
    from molar.train.item_tasks import item_texts
    from molar.train.run import load_run

    dataset = load_dataset(shop)
    backbone = load_encoder(load_run(run)[0].config.encoder, 64, torch.device("cpu")).backbone
    pictures = [open_picture(dataset.folder, image) for image in dataset.items["image"]]
    trained = backbone.read(item_texts(dataset).full, pictures)
    items = [new_item(dataset, item) for item in dataset.items.to_dicts()]
    encoder = recommender._item_encoder()
    served = encoder.reader([item.text() for item in items], [item.picture() for item in items])
    assert np.array_equal(trained.token_ids.numpy(), served.token_ids)
    assert np.array_equal(trained.token_mask.numpy(), served.token_mask)
    assert np.array_equal(trained.has_picture.numpy(), served.has_picture)
    assert np.array_equal(backbone.reader.read_pictures(pictures), served.pixels)
