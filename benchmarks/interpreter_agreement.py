"""Compares the reference interpreter's outputs with those of LiteRT's reference kernels, on a folder of models.

```
python benchmarks/interpreter_agreement.py FOLDER [--match TEXT] [--xnnpack] [--samples N]
```

Prints a line for each model: `equal` to the bit, `close` (floats within 1e-5 of an output's largest element), `off`, or
why the interpreter or LiteRT can't run it; then the number of models of each kind.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import pathlib
import signal
import time
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import tflir
from tflir.backends.interpreter import Session
from tflir.backends.litert.quiet import quiet

TOLERANCE = 1e-5
SEED = 7
LONGEST = 120


def main() -> None:
    """Reads the arguments and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--match", default="", help="only models whose path has this text")
    parser.add_argument(
        "--xnnpack", action="store_true", help="compare with the default delegate, and round as it does"
    )
    parser.add_argument("--samples", type=int, default=1)
    arguments = parser.parse_args()
    kinds: collections.Counter[str] = collections.Counter()
    for path in sorted(arguments.folder.rglob("*.tflite")):
        name = str(path.relative_to(arguments.folder))
        if arguments.match not in name:
            continue
        kind, note = agreement(path, xnnpack=arguments.xnnpack, samples=arguments.samples)
        kinds[kind] += 1
        print(f"{kind:10} {name:60} {note}", flush=True)
    print(", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))


def agreement(path: pathlib.Path, *, xnnpack: bool = False, samples: int = 1) -> tuple[str, str]:
    """Compares both on the model at `path`: returns a word, and a note with the error and both times."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST)
    try:
        session = Session(tflir.load(path), rounding="xnnpack" if xnnpack else "reference")
        entry = session.entry()
        rng = np.random.default_rng(SEED)
        worst, ours, theirs = 0.0, 0.0, 0.0
        for _ in range(samples):
            inputs = [_random(port, rng) for port in entry.inputs]
            begin = time.perf_counter()
            try:
                expected = isolated(path, inputs, xnnpack)
            except (RuntimeError, ValueError) as error:
                return "no litert", str(error).strip().splitlines()[0][:90]
            middle = time.perf_counter()
            session.reset()
            actual = list(session.run(inputs).values())
            theirs, ours = theirs + middle - begin, ours + time.perf_counter() - middle
            worst = max([worst, *(difference(a, b) for a, b in zip(actual, expected, strict=True))])
        kind = "equal" if worst == 0 else "close" if worst <= TOLERANCE else "off"
        return kind, f"{worst:.1e}  {1000 * ours:.0f} ms, LiteRT {1000 * theirs:.0f} ms"
    except tflir.Error as error:
        return "uncovered", str(error)[:150]
    except TimeoutError:
        return "too long", ""
    finally:
        signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TimeoutError


def isolated(path: pathlib.Path, inputs: list[Any], xnnpack: bool) -> list[Any]:
    """As `litert`, but in a child process, since some models make the runtime abort."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, path, inputs, xnnpack))
    process.start()
    sender.close()
    try:
        answer = receiver.recv()
    except EOFError:
        raise RuntimeError("the runtime ended its process") from None
    finally:
        process.join()
    if isinstance(answer, str):
        raise RuntimeError(answer)
    return answer


def _answer(pipe: Any, path: pathlib.Path, inputs: list[Any], xnnpack: bool) -> None:
    try:
        pipe.send([np.array(value) for value in litert(path, inputs, xnnpack=xnnpack)])
    except (RuntimeError, ValueError, TypeError) as error:
        pipe.send(str(error) or "no reason given")


def litert(path: pathlib.Path, inputs: list[Any], *, xnnpack: bool = False) -> list[Any]:
    """The outputs of the model's first signature (its first subgraph) in LiteRT, for inputs in order."""
    with quiet():
        runtime = _runtime(path, OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_REF)
        keys = list(runtime.get_signature_list())
        if keys:
            runner = runtime.get_signature_runner(keys[0])
            by_name = dict(zip(tflir_names(path), inputs, strict=True))
            outputs_by_name = runner(**by_name)
            return [outputs_by_name[name] for name in tflir_names(path, outputs=True)]
        details = runtime.get_input_details()
        for detail, value in zip(details, inputs, strict=True):
            runtime.resize_tensor_input(detail["index"], value.shape)
        runtime.allocate_tensors()
        for detail, value in zip(details, inputs, strict=True):
            runtime.set_tensor(detail["index"], value)
        runtime.invoke()
        return [runtime.get_tensor(detail["index"]) for detail in runtime.get_output_details()]


def _runtime(path: pathlib.Path, kernels: OpResolverType) -> Interpreter:
    """An interpreter with `kernels`; if the reference kernels lack an op, with the default kernels but no delegate."""
    try:
        runtime = Interpreter(model_path=str(path), experimental_op_resolver_type=kernels)
        runtime.allocate_tensors()
    except (RuntimeError, ValueError):
        if kernels is not OpResolverType.BUILTIN_REF:
            raise
        return _runtime(path, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    return runtime


def tflir_names(path: pathlib.Path, *, outputs: bool = False) -> list[str]:
    """The names of the first signature's inputs or outputs, in its order."""
    entry = Session(tflir.load(path)).entry()
    return [port.name for port in (entry.outputs if outputs else entry.inputs)]


def _random(port: Any, rng: np.random.Generator) -> Any:
    from tflir.backends.interpreter.kernel import dtype_of
    from tflir.ir.types import shape_of

    dtype = dtype_of(port.type)
    shape = [1 if size < 0 else size for size in shape_of(port.type) or ()]
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind == "O":
        return np.full(shape, b"a few words", object)
    small = dtype.itemsize > 2
    limits = np.iinfo(dtype)
    return rng.integers(0 if small else limits.min, 4 if small else limits.max + 1, shape, dtype)


def difference(found: Any, expected: Any) -> float:
    """The largest difference, relative to the largest expected element; 0 for equal arrays, infinite for
    other shapes.
    """
    if found.shape != expected.shape or found.dtype.kind != np.asarray(expected).dtype.kind:
        return float("inf")
    if found.dtype == object or not found.size:
        return 0.0 if np.array_equal(found, expected) else float("inf")
    if np.array_equal(found, expected, equal_nan=found.dtype.kind in "fc"):
        return 0.0
    if found.dtype.kind not in "fc":
        return float(np.abs(found.astype(np.float64) - expected.astype(np.float64)).max())
    with np.errstate(all="ignore"):
        finite = np.isfinite(expected)
        if not np.array_equal(finite, np.isfinite(found)):
            return float("inf")
        largest = np.abs(expected[finite]).max(initial=0)
        return float(np.abs(found[finite] - expected[finite]).max(initial=0) / max(largest, 1e-30))


if __name__ == "__main__":
    main()
