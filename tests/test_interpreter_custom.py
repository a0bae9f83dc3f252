"""The detector's custom operator in the reference interpreter, against LiteRT's kernel."""

from __future__ import annotations

import numpy as np
import pytest
from flatbuffers import flexbuffers
from models_builder import Model
from reference_kernels import litert_outputs, tflir_session

F32 = np.float32


def _detector(anchors: np.ndarray, classes: int, per_class: int, regular: bool, background: int) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("max_detections", 5)
        builder.Int("max_classes_per_detection", per_class)
        builder.Int("detections_per_class", 4)
        builder.Bool("use_regular_nms", regular)
        builder.Float("nms_score_threshold", 0.3)
        builder.Float("nms_iou_threshold", 0.4)
        builder.Int("num_classes", classes)
        for name, scale in (("y", 10.0), ("x", 10.0), ("h", 5.0), ("w", 5.0)):
            builder.Float(f"{name}_scale", scale)
    model = Model()
    graph = model.graph()
    boxes = graph.tensor("boxes", (1, len(anchors), 4))
    scores = graph.tensor("scores", (1, len(anchors), classes + background))
    held = graph.constant("anchors", anchors)
    count = 5 * (1 if regular else per_class)
    shapes = {"out_boxes": (1, count, 4), "out_classes": (1, count), "out_scores": (1, count), "count": (1,)}
    made = [graph.tensor(name, shape) for name, shape in shapes.items()]
    graph.op("CUSTOM", [boxes, scores, held], made, custom="TFLite_Detection_PostProcess")
    graph.record.operators[-1].customOptions = np.frombuffer(builder.Finish(), np.uint8)
    graph.io([boxes, scores], made)
    return model.to_bytes()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("regular", "per_class"), [(True, 1), (False, 1), (False, 2)])
def test_detections(seed: int, regular: bool, per_class: int) -> None:
    rng = np.random.default_rng(seed)
    anchors = np.concatenate([rng.random((20, 2)), 0.1 + 0.2 * rng.random((20, 2))], 1).astype(F32)
    background = seed % 2
    data = _detector(anchors, 3, per_class, regular, background)
    inputs = [rng.standard_normal((1, 20, 4)).astype(F32), rng.random((1, 20, 3 + background)).astype(F32)]
    found = list(tflir_session(data).run(inputs).values())
    expected = litert_outputs(data, inputs)
    count = int(expected[3][0])
    for ours, theirs in zip(found[:3], expected[:3], strict=True):
        shown = count * (1 if regular else per_class)
        np.testing.assert_allclose(ours[:, :shown], theirs[:, :shown], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[3], expected[3])
