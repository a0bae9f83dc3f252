"""Turns Python's exceptions for lack of memory or stack into an `Error` about the input, in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from tflir.ir.errors import Error


@contextlib.contextmanager
def within_limits(what: str = "") -> Generator[None]:
    """Turns `MemoryError` and `RecursionError` into `Error`; `what` names the input or the step that needed the
    memory.
    """
    prefix = f"{what}: " if what else ""
    try:
        yield
    except MemoryError as error:
        raise Error(
            f"{prefix}the model takes more memory than there is",
            hint="close other programs or use a machine with more",
        ) from error
    except RecursionError as error:
        raise Error(f"{prefix}the model is nested too deeply", hint="write attributes and locations flat") from error
