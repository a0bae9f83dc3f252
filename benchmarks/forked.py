"""Calls a function in a copy of this process, which it may crash or fill."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from typing import Any

_STDERR = 2
SECONDS = 60


def forked(function: Callable[[], Any], seconds: int = SECONDS) -> Any:
    """What the function returns; why there is nothing, in words, where it raises, crashes or takes too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDERR)
        signal.alarm(seconds)
        try:
            found = function()
        except BaseException as error:
            found = f"{type(error).__name__}: {error}"
        with os.fdopen(writing, "wb") as out:
            pickle.dump(found, out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as given:
        content = given.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return pickle.loads(content) if content else f"crash: {signal.Signals(-status).name if status < 0 else status}"
