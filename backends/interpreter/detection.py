"""The custom operator after an object detector: decodes boxes from anchors and selects the best of them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tflir.backends.interpreter.boxes import suppressed
from tflir.backends.interpreter.custom import custom_kernel
from tflir.backends.interpreter.kernel import Array, Operands, Results, has_quant, quant_of
from tflir.backends.interpreter.quantization import dequantized
from tflir.ir.tfl.constants import CustomOp


@dataclass(frozen=True)
class _Options:
    """The options in the operator's flexbuffer."""

    max_detections: int
    max_classes_per_detection: int
    nms_score_threshold: float
    nms_iou_threshold: float
    num_classes: int
    y_scale: float
    x_scale: float
    h_scale: float
    w_scale: float
    use_regular_nms: bool = False
    detections_per_class: int = 100


def _options(op: CustomOp) -> _Options:
    flexbuffers: Any = importlib.import_module("flatbuffers.flexbuffers")
    held = cast("dict[str, Any]", flexbuffers.Loads(bytes(op.custom_option.data)))
    return _Options(**{name: held[name] for name in _Options.__dataclass_fields__ if name in held})


@custom_kernel("TFLite_Detection_PostProcess")
def detection_post_process(op: CustomOp, operands: Operands) -> Results:
    """Boxes, classes and scores of the best detections, and their number; the remaining elements are 0."""
    options = _options(op)
    encodings, predictions, anchors = (
        dequantized(array, quant_of(value.type).layout) if has_quant(value.type) else array
        for value, array in zip(op.operands, operands, strict=True)
    )
    boxes = _decoded(encodings[0], anchors, options)
    scores = predictions[0][:, predictions.shape[-1] - options.num_classes :]
    detections = _by_class(boxes, scores, options) if options.use_regular_nms else _by_anchor(boxes, scores, options)
    count = options.max_detections * (1 if options.use_regular_nms else options.max_classes_per_detection)
    out_boxes, out_classes = np.zeros((1, count, 4), np.float32), np.zeros((1, count), np.float32)
    out_scores = np.zeros((1, count), np.float32)
    for position, (anchor, kind, score) in enumerate(detections):
        out_boxes[0, position], out_classes[0, position], out_scores[0, position] = boxes[anchor], kind, score
    anchors_found = len({(anchor, kind if options.use_regular_nms else 0) for anchor, kind, _ in detections})
    return [out_boxes, out_classes, out_scores, np.array([anchors_found], np.float32)]


def _decoded(encodings: Array, anchors: Array, options: _Options) -> Array:
    """Corners (y, x, y, x) of the boxes that are encoded beside their anchors' centres (y, x) and sizes (h, w)."""
    scales = np.array([options.y_scale, options.x_scale, options.h_scale, options.w_scale], np.float32)
    encoded = encodings[:, :4] / scales
    centres = encoded[:, :2] * anchors[:, 2:] + anchors[:, :2]
    halves = np.float32(0.5) * np.exp(encoded[:, 2:]) * anchors[:, 2:]
    return np.concatenate([centres - halves, centres + halves], 1)


def _by_anchor(boxes: Array, scores: Array, options: _Options) -> list[tuple[int, int, float]]:
    """Overlapping boxes are removed by the best score of each anchor; a box may then have several classes."""
    order = np.argsort(-scores, 1, kind="stable")[:, : options.max_classes_per_detection]
    chosen, _ = _suppressed(boxes, scores.max(1), options.max_detections, options)
    return [(anchor, int(kind), float(scores[anchor, kind])) for anchor in chosen for kind in order[anchor]]


def _by_class(boxes: Array, scores: Array, options: _Options) -> list[tuple[int, int, float]]:
    """Overlapping boxes are removed in each class separately, and the best of all classes are kept."""
    detections: list[tuple[int, int, float]] = []
    for kind in range(options.num_classes):
        chosen, chosen_scores = _suppressed(boxes, scores[:, kind], options.detections_per_class, options)
        detections += [(anchor, kind, score) for anchor, score in zip(chosen, chosen_scores, strict=True)]
        detections = sorted(detections, key=lambda each: -each[2])[: options.max_detections]
    return detections


def _suppressed(boxes: Array, scores: Array, most: int, options: _Options) -> tuple[list[int], list[float]]:
    """The best boxes whose score reaches the score threshold and that overlap no better box beyond the
    overlap threshold.
    """
    least = np.nextafter(np.float32(options.nms_score_threshold), np.float32(-np.inf))
    above = np.nextafter(np.float32(options.nms_iou_threshold), np.float32(np.inf))
    return suppressed(boxes, scores, most, float(above), float(least), 0.0)
