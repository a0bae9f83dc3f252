"""The smallest module that is still interesting, by delta debugging.

Parts of one kind, such as ops, are removed many at a time: all, then halves, quarters and so on, so that a single
needed part among n is found in about 2 log n tests. This is repeated for all kinds until no part can be removed. Every
module that is tested is smaller than the one before, so that this ends, and is valid if the first one was.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.builtin import ModuleOp

from tflir.commands.terminal import say
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.errors import Error
from tflir.ir.verify import verify_module
from tflir.opt.interesting import Interesting
from tflir.opt.removing import KINDS, Kind, extent, tidy
from tflir.snapshot import snapshot


def reduced(module: ModuleOp, is_interesting: Interesting) -> ModuleOp:
    """The smallest module that was found. `is_interesting` must be true for `module`, and must not modify its
    argument.
    """
    return _Reduction(module, is_interesting).run()


class _Reduction:
    """A reduction; `module` is the smallest interesting module so far."""

    def __init__(self, module: ModuleOp, is_interesting: Interesting) -> None:
        self.module = module
        self._is_interesting = is_interesting
        self._is_valid = _is_valid(module)
        self._tests = 0

    def run(self) -> ModuleOp:
        say(f"reduce: {_size(self.module)}")
        smaller = True
        while smaller:
            smaller = False
            for kind in KINDS:
                smaller |= self._minimise(kind)
        say(f"reduced in {self._tests} tests to {_size(self.module)}")
        return self.module

    def _minimise(self, kind: Kind) -> bool:
        """Removes as many parts of one kind as possible; returns whether it removed any."""
        any_smaller = False
        count = len(kind.parts(self.module))
        length = count
        while length:
            start = 0
            while start < count:
                if self._try(kind, range(start, min(start + length, count))):
                    any_smaller = True
                    count = len(kind.parts(self.module))
                    say(f"reduce: {kind.name}: {_size(self.module)} ({self._tests} tests)")
                else:
                    start += length
            length = min(length // 2, count)
        return any_smaller

    def _try(self, kind: Kind, chosen: Iterable[int]) -> bool:
        """Removes the chosen parts from a copy, which replaces the module if it is smaller and interesting."""
        candidate = snapshot(self.module)
        parts = kind.parts(candidate)
        if not kind.remove(candidate, [parts[index] for index in chosen]):
            return False
        tidy(candidate)
        if extent(candidate) >= extent(self.module):
            return False
        if self._is_valid and not _is_valid(candidate):
            return False
        self._tests += 1
        if not self._is_interesting(candidate):
            return False
        self.module = candidate
        return True


def _is_valid(module: ModuleOp) -> bool:
    try:
        verify_module(module)
    except Error:
        return False
    return True


def _size(module: ModuleOp) -> str:
    ops = functions = constants = 0
    for op in module.walk():
        ops += 1
        functions += op.name == "func.func"
        constants += sum(a.blob.nbytes for a in op.properties.values() if isinstance(a, ArrayElementsAttr))
    return f"{functions} functions, {ops - functions - 1} ops, {constants} bytes of constants"
