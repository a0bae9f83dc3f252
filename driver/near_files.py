"""Suggests files for a name that no file has."""

from __future__ import annotations

import itertools
import os

from tflir.ir.near import near

_MOST_FILES = 1000
"""In folders of more files, no more are compared with a misspelt name."""


def near_files(path: str) -> str:
    """`; did you mean …?` with files of the same folder that have similar names; '' if there are none."""
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = [entry.name for entry in itertools.islice(entries, _MOST_FILES)]
    except (OSError, ValueError):
        return ""
    return near(name, names, folder and os.path.join(folder, ""))
