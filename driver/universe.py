"""tflir as an xDSL plug-in: with it, xDSL's own `xdsl-opt` reads the `tfl` dialect and runs tflir's passes.

```sh
xdsl-opt -p tfl-quantize model.mlir
```
Another package can provide a plug-in in the same way (tests/plugin_example is one): it has a `Universe` and, in its
pyproject.toml, an entry point of the group `xdsl.universe` that names it.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.ir import Dialect
from xdsl.universe import Universe

from tflir.evaluator import provide_interpreter
from tflir.passes.registry import factories


def _tfl() -> Dialect:
    from tflir.ir.tfl.dialect import get_dialect

    return get_dialect()


def _quant() -> Dialect:
    from tflir.ir.quant import QUANT

    return QUANT


def _tf_type() -> Dialect:
    from tflir.ir.types import TF_TYPE

    return TF_TYPE


DIALECTS: dict[str, Callable[[], Dialect]] = {"tfl": _tfl, "quant": _quant, "tf_type": _tf_type}
provide_interpreter()
TFLIR_UNIVERSE = Universe(all_dialects=DIALECTS, all_passes=factories())
