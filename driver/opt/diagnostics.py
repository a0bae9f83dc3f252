"""`--verify-diagnostics`: compares errors with the comments that expect them.

```mlir
// expected-error @+1 {{unknown op}}
%0 = "tfl.ad"(%a, %a) : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
```
`@+N`, `@-N`, `@above`, `@below` say on which line; without one it is the comment's own. The text of `expected-error-re`
may contain regular expressions between `{{` and `}}`. An error whose line is not known fits any comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tflir.ir.errors import Error

_EXPECTED = re.compile(r"expected-error(-re)?\s*(?:@([+-]\d+|above|below|unknown))?\s*\{\{(.*)\}\}\s*$")
_LINE = re.compile(r":(\d+):\d+$")


@dataclass
class _Expected:
    line: int | None
    text: str
    regular: bool

    def fits(self, line: int | None, message: str) -> bool:
        if self.line is not None and line is not None and self.line != line:
            return False
        if not self.regular:
            return self.text in message
        parts = re.split(r"\{\{(.*?)\}\}", self.text)
        pattern = "".join(part if i % 2 else re.escape(part) for i, part in enumerate(parts))
        return re.search(pattern, message) is not None


def check(part: bytes, found: Error | None, file: str, *, only_expected: bool = False) -> list[str]:
    """The differences between the comments in `part` and the errors in `found`; empty if they agree.

    With `only_expected`, errors without a comment are allowed.
    """
    expected = list(_expectations(part.decode("utf-8", "surrogateescape")))
    problems: list[str] = []
    if found is not None:
        where = _LINE.search(found.file)
        line = int(where.group(1)) if where else None
        fitting = next((e for e in expected if e.fits(line, str(found))), None)
        if fitting is None and not only_expected:
            problems.append(f"unexpected error: {found}")
        elif fitting is not None:
            expected.remove(fitting)
    problems += [f'{file}:{e.line or 0}:1: expected error "{e.text}" was not produced' for e in expected]
    return problems


def _expectations(text: str) -> list[_Expected]:
    expectations: list[_Expected] = []
    for number, line in enumerate(text.splitlines(), 1):
        _, comment, after = line.partition("//")
        match = _EXPECTED.search(after) if comment else None
        if match:
            regular, where, message = match.groups()
            expectations.append(_Expected(_line(where, number), message, regular is not None))
    return expectations


def _line(where: str | None, number: int) -> int | None:
    if where is None:
        return number
    if where == "unknown":
        return None
    return number + {"above": -1, "below": 1}.get(where, 0) if where.isalpha() else number + int(where)
