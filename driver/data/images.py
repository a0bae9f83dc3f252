"""Folders of images as samples: each is resized to the model's input. Pillow reads them; it is an optional extra."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import numpy as np

from tflir.backends.litert.run import Array, Port
from tflir.ir.errors import Error

ENDINGS = (".png", ".jpg", ".jpeg")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's mode that an image is converted to, by the number of channels of the input."""
_WIDE = ("I", "F")
"""Prefixes of Pillow's modes whose values take more than a byte."""


def read_image(file: pathlib.Path, port: Port) -> Array:
    """The image in the shape of the input `port`, with values from 0 to 255. Raises `Error` if it is not an
    image input.
    """
    height, width, channels, first = _form(port, file)
    pillow = _pillow(file)
    try:
        with pillow.Image.open(file) as opened:
            if opened.mode.startswith(_WIDE):
                raise Error("has more than 8 bits a channel", file=str(file), hint="convert it to 8 bits")
            image = pillow.ImageOps.exif_transpose(opened).convert(_MODES[channels])
            size = (width if width > 0 else image.width, height if height > 0 else image.height)
            pixels = np.asarray(image.resize(size, pillow.Image.Resampling.BILINEAR))
    except (Error, MemoryError):
        raise
    except Exception as error:  # decoders raise many kinds of exceptions
        what = f"is damaged, or no image ({type(error).__name__}: {error})"
        raise Error(what, file=str(file), hint="leave it out, or save it again") from None
    pixels = pixels.reshape(pixels.shape[0], pixels.shape[1], channels)
    return np.moveaxis(pixels, -1, 0) if first else pixels


def _form(port: Port, file: pathlib.Path) -> tuple[int, int, int, bool]:
    """Height, width, channels of an image input, and whether channels come first."""
    shape = port.shape[1:] if len(port.shape) == 4 else port.shape
    if len(shape) == 3 and (len(port.shape) == 3 or port.shape[0] in (1, -1)):
        if shape[2] in _MODES:
            return shape[0], shape[1], shape[2], False
        if shape[0] in _MODES:
            return shape[1], shape[2], shape[0], True
    said = "x".join("?" if size < 0 else str(size) for size in port.shape) or "a scalar"
    what = f"input '{port.name}' ({said}) takes no image"
    raise Error(what, file=str(file), hint="an image is height x width x 1, 3 or 4 channels; give arrays as .npz")


def _pillow(file: pathlib.Path) -> Any:
    try:
        importlib.import_module("PIL.ImageOps")
        return importlib.import_module("PIL")
    except ImportError:
        raise Error("images need Pillow", file=str(file), hint="pip install 'tflir[images]'") from None
