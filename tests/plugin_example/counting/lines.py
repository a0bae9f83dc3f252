"""A frontend: files that end in `.lines` name an op of one operand a line, and become a chain of these.

```
4
relu
tanh
```
The first line is the number of elements.
"""

from xdsl.dialects.builtin import ModuleOp

import tflir


def read(content: bytes, name: str) -> ModuleOp:
    """The module of a file. Raises `tflir.Error` where a line is no op."""
    count, *ops = content.decode("utf-8").split()
    kind = f"tensor<{count}xf32>"
    lines = [f"func.func @main(%v0: {kind}) -> {kind} {{"]
    lines += [f'  %v{i + 1} = "tfl.{op}"(%v{i}) : ({kind}) -> {kind}' for i, op in enumerate(ops)]
    lines += [f"  func.return %v{len(ops)} : {kind}", "}"]
    return tflir.loads("\n".join(lines), name)
