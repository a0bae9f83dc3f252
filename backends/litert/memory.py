"""How much memory this process takes."""

from __future__ import annotations

import contextlib
import os
import sys

_STATUS = "/proc/{}/status"


def resident_memory() -> int:
    """Bytes now; where the system does not tell, the most so far."""
    return _status("VmRSS") or _most()


def resident_memory_of(pid: int) -> int:
    """Bytes that another process takes now; 0 where the system does not tell."""
    return _status("VmRSS", pid)


def peak_memory() -> int:
    """Bytes at most, since the process was started."""
    return _status("VmHWM") or _most()


def _status(name: str, process: int | str = "self") -> int:
    """Linux's figure; 0 elsewhere. Unlike `getrusage`, it does not count what the process was forked from."""
    with contextlib.suppress(OSError), open(_STATUS.format(process), encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def _most() -> int:
    if os.name == "nt":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there and kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
