"""What a model that is too large or nested too deeply for the machine raises: one line about the input."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from tflir.ir.errors import Error


@contextlib.contextmanager
def within_limits(what: str = "") -> Generator[None]:
    """Turns Python's own exceptions for want of memory or of stack into `Error`; `what` says who wanted it."""
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
