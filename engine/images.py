"""Pictures as every part of Molar reads them: one decoder for training, export and the app.

A file is opened with a limit on its pixels, turned upright, flattened onto white where it is transparent, and made RGB.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from molar.engine.errors import DatasetError

MAX_PIXELS = 50_000_000
"""Larger pictures are refused before they are decoded: 50 million pixels are 150 MB of RGB."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


def open_image(source: Path | bytes, name: str | None = None) -> Image.Image:
    """Decode a picture to upright RGB.

    Args:
        source: a path, or the bytes of the file.
        name: what to call the picture in an error; the path where it is None.

    Raises:
        DatasetError: the file is missing, is no picture, is cut off, or has more than `MAX_PIXELS` pixels.
    """
    label = name or (str(source) if isinstance(source, Path) else "the picture")
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(content), formats=_FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DatasetError(
                    f"{label}: {width} x {height} pixels is more than {MAX_PIXELS // 1_000_000} million; scale it down"
                )
            image.draft("RGB", (1024, 1024))  # JPEGs are decoded at a fraction of their size where that is enough
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I;16") or image.mode == "I":  # 16 bits a pixel: the upper 8 are what is seen
                image = Image.fromarray((np.asarray(image, dtype=np.int64).clip(0, 65535) >> 8).astype(np.uint8))
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return image.convert("RGB")
    except FileNotFoundError:
        raise DatasetError(f"{label}: no such file; correct the path or leave the image column empty") from None
    except Image.DecompressionBombError:
        raise DatasetError(f"{label}: more than {MAX_PIXELS // 1_000_000} million pixels; scale it down") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(
            f"{label}: not a readable picture ({_first_line(error)}); replace it or leave the image column empty"
        ) from None


def square_pixels(image: Image.Image, size: int) -> np.ndarray:
    """Fit a picture into a white square, for a vision tower that reads squares.

    The whole picture is kept (a poster's title stands at its edge, a lamp's foot too), so it is padded and not cropped.

    Returns:
        (3, size, size) float32 in [-1, 1].
    """
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    fitted = image.resize((width, height), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (size, size), "white")
    square.paste(fitted, ((size - width) // 2, (size - height) // 2))
    pixels = np.asarray(square, dtype=np.float32) / 127.5 - 1.0
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def thumbnail_bytes(image: Image.Image, size: int, quality: int = 82) -> bytes:
    """Scale a picture down so that its longer side has at most `size` pixels, as WebP bytes."""
    small = image.copy()
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


def _first_line(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "unknown format"
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
