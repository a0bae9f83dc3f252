"""A limit on the bytes that the constants of a model expand to, in proportion to the size of its file.

A constant with one repeated value, a buffer that thousands of tensors share, and a sparse weight all have more
elements than are stored. Reading them takes time and memory for each element, so a small file may not expand to
hundreds of gigabytes.
"""

from __future__ import annotations

from tflir.ir.errors import Error

FREE = 1 << 28
"""Bytes that the constants of even the smallest file may expand to."""
PER_BYTE = 64
"""Bytes that they may expand to, for each byte of the file: several signatures or subgraphs may share their weights."""


class Budget:
    """The bytes that the constants of a file with `held` bytes may still expand to."""

    def __init__(self, held: int) -> None:
        self.held = held
        self.left = FREE + PER_BYTE * held

    def affords(self, nbytes: int) -> bool:
        """Subtracts `nbytes` from what is left and returns True; returns False if less is left."""
        if nbytes > self.left:
            return False
        self.left -= nbytes
        return True

    def spend(self, nbytes: int) -> None:
        """Subtracts `nbytes` from what is left. Raises `Error` if less is left."""
        if not self.affords(nbytes):
            raise Error(
                f"constants of more than {FREE + PER_BYTE * self.held} bytes, where the file has {self.held}",
                hint="store the elements of large constants, and a constant that many ops read once",
            )
