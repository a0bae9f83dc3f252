"""tflir: compiles TensorFlow Lite / LiteRT models, with an MLIR-style IR in between.

```python
import tflir

converter = tflir.Converter.from_file("model.tflite")
converter.optimizations = [tflir.Optimize.DEFAULT]
data = converter.convert()  # bytes; convert_to(path) streams

module = tflir.load("model.tflite")  # a builtin.module of the tfl dialect; loads takes bytes or text
tflir.run_passes(module, "tfl-prepare-quantize-dynamic-range,tfl-quantize,tfl-post-quantize")
tflir.save(module, "small.tflite")  # dumps gives bytes, or text
print(tflir.compare("model.tflite", module))  # how close the outputs are
print(tflir.benchmark(["model.tflite", module]))  # how long a run takes
print(*tflir.check(module, "xnnpack,tflm"), sep="\n")  # which ops these targets take
outputs = tflir.interpret(module, {"x": array})  # run in numpy, without a runtime
```
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tflir.flags import OpsSet, Optimize, TargetSpec
from tflir.ir.errors import Error
from tflir.ir.extensions import on_unknown

if TYPE_CHECKING:
    from tflir.benchmarking import benchmark
    from tflir.checking import check
    from tflir.comparison import compare
    from tflir.converter import Converter
    from tflir.files import dumps, load, loads, save
    from tflir.interpretation import interpret
    from tflir.pass_manager import run_passes

__version__ = "0.1.0"
__all__ = [
    "Converter",
    "Error",
    "OpsSet",
    "Optimize",
    "TargetSpec",
    "__version__",
    "benchmark",
    "check",
    "compare",
    "dumps",
    "interpret",
    "load",
    "loads",
    "run_passes",
    "save",
]

# Imported at their first use: they import numpy and xdsl, which `tflir --help` does not need.
_LAZY = {
    "Converter": "converter",
    "benchmark": "benchmarking",
    "check": "checking",
    "compare": "comparison",
    "dumps": "files",
    "interpret": "interpretation",
    "load": "files",
    "loads": "files",
    "run_passes": "pass_manager",
    "save": "files",
}


def _find_plugins() -> None:
    importlib.import_module("tflir.plugins").register_all()


on_unknown(_find_plugins)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"tflir.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tflir' has no attribute '{name}'")


def __dir__() -> list[str]:
    """The public names, including those that are imported at their first use."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
