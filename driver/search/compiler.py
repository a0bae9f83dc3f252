"""Compiles a model with a given form of each layer's weights, by the passes that a recipe runs."""

from __future__ import annotations

import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import UnitAttr

from tflir.backends.files import temporary_room
from tflir.backends.litert.run import Samples
from tflir.data.moments import record_moments
from tflir.data.samples import as_dataset
from tflir.data.sequential import MOST_SAMPLES
from tflir.files import to_bytes
from tflir.flags import Optimize
from tflir.ir import names
from tflir.ir.tfl.base import TflOp
from tflir.ir.weight_kind import WeightKind, set_weight_kind
from tflir.options import Options
from tflir.pass_manager import run_pipeline, split_at_recipe
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.recipes import Recipe, Rule, effective_rules
from tflir.passes.recipes.resolve import candidates, weight_shape
from tflir.passes.weights.rounding import Memo, remembered
from tflir.pipeline import stages_of
from tflir.quality.sequence import aimed, rounding_among
from tflir.search.head import Head
from tflir.search.layers import Layer, layers_of
from tflir.snapshot import snapshot

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from tflir.passes.base import PassReport

Kinds = Sequence[WeightKind | None]
"""The form of each layer's weights; None: float."""
_RULE = '[[rule]]\nweights = {{bits = 4, algorithm = "{}"}}\n'
"""A recipe with the passes that any rules need: narrow weights, and an algorithm that needs second moments or not."""

_MOST_REMEMBERED = 1 << 30
"""The most bytes of rounded weights that are kept, as they come again in other models of the search."""


@dataclass(frozen=True)
class Settings:
    """How weights are rounded, whatever their width."""

    algorithm: str = "gptq"
    bias_correction: str = "auto"
    sequential_rounding: str = "auto"
    sparse: str = ""
    """What counts where the zeros of weights may be left out, size or latency; empty: they are stored."""

    @property
    def needs_data(self) -> bool:
        """Whether rounding depends on what layers read."""
        return self.algorithm == "gptq" or self.bias_correction != "off"


class Compiler:
    """A model, whose layers are the choice of the caller."""

    def __init__(self, read: Callable[[], ModuleOp], settings: Settings, samples: Samples) -> None:
        """`samples` are the calibration data, by signature."""
        self._read = read
        wanted = as_dataset(samples) if settings.needs_data else None
        options = Options(bias_correction=settings.bias_correction, representative_dataset=wanted)
        aims = settings.algorithm == "gptq" and settings.sequential_rounding != "off"
        self._samples = {key: part[:MOST_SAMPLES] for key, part in samples.items()} if aims else None
        self._options, self.pipeline = options, ""
        both = (Optimize.DEFAULT, Optimize.EXPERIMENTAL_SPARSITY)
        self._sparsity = {"optimizations": both, "sparsity_target": settings.sparse} if settings.sparse else {}
        head, self._tail = self._passes(settings.algorithm)
        self._head = Head(head)
        self._listed = read()
        computed = self._head.run(self._listed)
        self.layers: list[Layer] = layers_of(self._listed, settings.algorithm, computed)
        """The layers that may be narrowed."""
        self.leaves_zeros_out = bool(settings.sparse)
        self._with_moments: ModuleOp | None = None
        self._memo = Memo(_MOST_REMEMBERED)
        self.reports: list[PassReport] = []
        """What each pass did in the last compilation."""

    def _passes(self, algorithm: str) -> tuple[list[ModulePass], list[ModulePass]]:
        """The passes before and after the one that notes what a recipe says on ops."""
        with temporary_room(), tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "rules.toml")
            file.write_text(_RULE.format(algorithm))
            named = file.as_posix()  # a path without what the text of a pipeline escapes
            options = replace(self._options, recipe=named, **self._sparsity).checked()
            _, self.pipeline = stages_of(options)
            head, tail = split_at_recipe(self.pipeline)
            self._options = options
            self.pipeline = self.pipeline.replace(named, "")
            self._needs_moments = options.rounds_weights
        return head, tail

    def module(self, kinds: Kinds, *, aims: bool = True) -> ModuleOp:
        """The compiled module. Without `aims`, which is faster, each layer is rounded on its own.

        Raises `Error` if the model can't be run for its second moments.
        """
        made, form_of = self._prepared(kinds)
        for at, (op, _) in enumerate(candidates(made)):
            if weight_shape(op) is None:
                continue
            kind = form_of(at, op)
            set_weight_kind(op, kind)
            if kind is None:
                op.attributes[LEFT_OUT] = UnitAttr()
        with remembered(self._memo):
            first, rounding = rounding_among(self._tail)
            self.reports = run_pipeline(made, self._tail[:first], verify_each=False)
            if aims and self._samples is not None and sum(kind is not None for kind in kinds) > 1:
                biases = self._options.bias_correction != "off"
                made = aimed(made, rounding, self._samples, biases=biases).module
            self.reports += run_pipeline(made, self._tail[first:], verify_each=False)
        return made

    def bytes(self, kinds: Kinds, *, aims: bool = True) -> bytes:
        """The compiled `.tflite`, as of `module`."""
        return to_bytes(self.module(kinds, aims=aims))

    def _prepared(self, kinds: Kinds) -> tuple[ModuleOp, Callable[[int, TflOp], WeightKind | None]]:
        """A module before forms are noted on ops, with the second moments of what its layers read; and the form of an
        op of it, by its place among the candidates.
        """
        computes = self._head.computes
        if self._with_moments is None:
            module = self._read()
            if self._needs_moments:
                record_moments(module, self._options)
            self._head.start(module)
            if not computes:
                self._head.finish(module)
            self._with_moments = module
        made = snapshot(self._with_moments)
        if not computes:
            chosen = {at: kind for layer, kind in zip(self.layers, kinds, strict=True) for at in layer.ops}
            return made, lambda at, op: chosen.get(at)
        # Ops that compute weights of layers that stay float remain, so that the candidates are others.
        self._head.finish(made, self.rules(kinds, "search"))
        named = {(builtin, called): kind for builtin, called, kind in self._named(kinds)}
        return made, lambda at, op: named.get((op.INFO.builtin, names.first_name(op)))

    def _named(self, kinds: Kinds) -> Iterator[tuple[str, str, WeightKind | None]]:
        """The kind of op, the name and the form of each op of the layers that has a name."""
        ops = [op for op, _ in candidates(self._listed)]
        for layer, kind in zip(self.layers, kinds, strict=True):
            for op in (ops[at] for at in layer.ops):
                if called := names.first_name(op):
                    yield op.INFO.builtin, called, kind

    def rules(self, kinds: Kinds, name: str) -> str:
        """Rules in TOML that give each layer its form. Layers without a name are left out."""
        rules = [
            Rule(f"^{re.escape(called)}$", builtin, kind)
            for builtin, called, kind in self._named(kinds)
            if kind is not None
        ]
        return effective_rules(Recipe(name, tuple(rules)), self._listed)
