"""How much the constants of a model may stand for beyond the bytes of its file.

A constant of one value, a buffer that thousands of tensors share, and a sparse weight all stand for more elements than
are stored. What reads them takes time and memory for each element, so what they may stand for grows with the file.
"""

from __future__ import annotations

from tflir.ir.errors import Error

FREE = 1 << 28
"""Bytes that the constants of even the smallest file may stand for."""
PER_BYTE = 64
"""Bytes that they may stand for, for each byte that is held: several signatures or subgraphs share their weights."""


class Budget:
    """What is left of the bytes that constants may stand for where `held` bytes are there."""

    def __init__(self, held: int) -> None:
        self.held = held
        self.left = FREE + PER_BYTE * held

    def affords(self, nbytes: int) -> bool:
        """Takes `nbytes` where so much is left."""
        if nbytes > self.left:
            return False
        self.left -= nbytes
        return True

    def spend(self, nbytes: int) -> None:
        """Takes `nbytes`. Raises `Error` where less is left."""
        if not self.affords(nbytes):
            raise Error(
                f"constants of more than {FREE + PER_BYTE * self.held} bytes, where the file has {self.held}",
                hint="store the elements of large constants, and a constant that many ops read once",
            )
