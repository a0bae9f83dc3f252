"""A model as plain comparable values, read with the runtime's bindings; numbering of tensors and buffers apart.

Written for the tests alone: it shares no code with tflir.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema


def tree(data: bytes) -> dict[str, Any]:
    """All that a model says, tensors by their names (which must differ within a subgraph)."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)

    def content(index: int) -> bytes | None:
        buffer = model.buffers[index]
        if buffer.offset > 1:
            return data[buffer.offset : buffer.offset + buffer.size]
        return None if buffer.data is None or not len(buffer.data) else bytes(bytearray(buffer.data))

    return {
        "version": model.version,
        "description": _plain(model.description),
        "metadata": [(_plain(m.name), content(m.buffer)) for m in model.metadata or []],
        "metadata_buffer": [content(index) for index in _plain(model.metadataBuffer) or []],
        "external": (_plain(model.externalBufferGroups), _plain(model.externalBuffers)),
        "signatures": [
            {
                "key": _plain(s.signatureKey),
                "graph": s.subgraphIndex,
                "inputs": [(_plain(m.name), _name(model, s.subgraphIndex, m.tensorIndex)) for m in s.inputs or []],
                "outputs": [(_plain(m.name), _name(model, s.subgraphIndex, m.tensorIndex)) for m in s.outputs or []],
            }
            for s in model.signatureDefs or []
        ],
        "graphs": [_graph(model, index, content) for index in range(len(model.subgraphs))],
    }


def _graph(model: Any, index: int, content: Any) -> dict[str, Any]:
    graph = model.subgraphs[index]

    def names(indices: Any) -> list[Any]:
        return [None if i < 0 else _name(model, index, i) for i in ([] if indices is None else indices)]

    operators = []
    for op in graph.operators or []:
        code = model.operatorCodes[op.opcodeIndex]
        operators.append(
            {
                "code": max(code.builtinCode, code.deprecatedBuiltinCode),
                "custom": _plain(code.customCode),
                "version": code.version,
                "inputs": names(op.inputs),
                "outputs": names(op.outputs),
                "intermediates": names(op.intermediates),
                "options": (op.builtinOptionsType, _plain(op.builtinOptions)),
                "options2": (op.builtinOptions2Type, _plain(op.builtinOptions2)),
                "bytes": None if op.customOptions is None else bytes(bytearray(op.customOptions)),
                "format": op.customOptionsFormat,
                "mutating": _plain(op.mutatingVariableInputs),
                "debug": op.debugMetadataIndex,
            }
        )
    return {
        "name": _plain(graph.name),
        "debug": graph.debugMetadataIndex,
        "inputs": names(graph.inputs),
        "outputs": names(graph.outputs),
        "operators": operators,
        "tensors": {_plain(t.name): _tensor(model, index, t, content) for t in graph.tensors or []},
    }


def _tensor(model: Any, graph: int, tensor: Any, content: Any) -> dict[str, Any]:
    quantization = tensor.quantization
    found: dict[str, Any] = {}
    if quantization is not None:
        for field in ("min", "max", "scale", "zeroPoint", "quantizedDimension"):
            found[field] = _plain(getattr(quantization, field)) or None
        details = quantization.details
        if details is not None:
            fields = {k: _plain(v) for k, v in vars(details).items()}
            for field in ("scales", "zeroPoints"):
                if field in fields:
                    fields[field] = None if fields[field] < 0 else _name(model, graph, fields[field])
            found["details"] = (quantization.detailsType, fields)
    return {
        "type": tensor.type,
        "shape": _plain(tensor.shape) or [],
        "signature": _plain(tensor.shapeSignature),
        "has_rank": tensor.hasRank,
        "variable": tensor.isVariable,
        "data": content(tensor.buffer),
        "quantization": {k: v for k, v in found.items() if v is not None},
        "sparsity": _plain(tensor.sparsity),
        "variants": _plain(tensor.variantTensors),
        "external": tensor.externalBuffer,
    }


def _name(model: Any, graph: int, tensor: int) -> Any:
    return _plain(model.subgraphs[graph].tensors[tensor].name)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {key: _plain(item) for key, item in vars(value).items()}
    return value
