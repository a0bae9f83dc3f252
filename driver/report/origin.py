"""Where a report comes from: the command, versions, and the date if it is given."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Sequence

from tflir import __version__

DATE = "SOURCE_DATE_EPOCH"
"""The environment variable with the date of a reproducible build, in seconds since 1970."""
_PACKAGES = ("ai-edge-litert", "numpy", "xdsl")


def command_line(words: Sequence[str]) -> str:
    """`tflir …`, quoted for a shell; '' if there are no words."""
    return shlex.join(("tflir", *words)) if words else ""


def versions() -> dict[str, str]:
    """The versions of tflir, Python and the packages on which results depend; those that are not there are left out."""
    found = {"tflir": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def date() -> str | None:
    """The date that the environment gives, in UTC; None without, so that the same input gives the same bytes."""
    given = os.environ.get(DATE, "")
    try:
        return datetime.datetime.fromtimestamp(int(given), datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return None
