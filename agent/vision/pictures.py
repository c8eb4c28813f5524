"""A picture file as grey pixels, be it turned by its EXIF, 16 bit, CMYK or animated; or why it cannot be read."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

MOST_PIXELS = 60_000_000
"""The largest picture that is read: 60 megapixels, five times a 12 MP still."""
MOST_BYTES = 200_000_000


class PictureError(Exception):
    """A picture file cannot be read. `code` is stable, `detail` is what was seen, `hint` what to do next."""

    def __init__(self, code: str, detail: str, hint: str) -> None:
        super().__init__(f"{code}: {detail} {hint}")
        self.code = code
        self.detail = detail
        self.hint = hint


def grey_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture file as grey bytes, height x width, upright as its EXIF says; of an animation the first frame.

    16-bit and float pictures are scaled so that their brightest pixel is white. Raises PictureError.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    size = _size_on_disk(path)
    if size == 0:
        raise PictureError("picture.empty", f"{path.name} has no bytes.", "Take or copy the picture again.")
    if size > MOST_BYTES:
        raise PictureError("picture.too-large", f"{path.name} has {size} bytes.", f"At most {MOST_BYTES} are read.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large and odd files; both are judged here
            with Image.open(path) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS or min(width, height) < 1:
                    raise PictureError(
                        "picture.too-large",
                        f"{path.name} is {width} x {height} pixels.",
                        f"Reduce it to at most {MOST_PIXELS // 1_000_000} megapixels.",
                    )
                if opened.mode in {"RGB", "L", "YCbCr"}:
                    opened.draft("L", opened.size)  # a JPEG decodes straight to grey: a third of the memory
                return _grey(ImageOps.exif_transpose(opened))
    except UnidentifiedImageError:
        raise PictureError(
            "picture.unknown",
            f"{path.name} is no picture of a known kind.",
            "Give a JPEG, PNG, WebP, TIFF, BMP or GIF file.",
        ) from None
    except Image.DecompressionBombError:
        raise PictureError(
            "picture.too-large",
            f"{path.name} has far too many pixels.",
            f"Reduce it to at most {MOST_PIXELS // 1_000_000} megapixels.",
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, OverflowError) as error:
        # Pillow's decoders raise all of these for broken files, SyntaxError for a PNG's chunks among them.
        raise PictureError(
            "picture.broken",
            f"{path.name} does not decode: {' '.join(str(error).split())[:120]}.",
            "Take or copy the picture again.",
        ) from None


def _size_on_disk(path: Path) -> int:
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise PictureError("picture.missing", f"{path} {what}.", "Give the path of a picture file.")
        return path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise PictureError("picture.missing", f"{path!s} cannot be opened: {error}.", "Give another path.") from None


def _grey(image: Picture) -> NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        wide = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0, neginf=0.0)
        return np.asarray(np.clip(wide * (255 / max(1.0, float(wide.max()))), 0, 255), np.uint8)
    if image.has_transparency_data:
        from PIL import Image

        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return np.asarray(image.convert("L"), np.uint8)
