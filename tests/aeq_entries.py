"""Entries of recipes as AI Edge Quantizer writes them in JSON, for weights alone."""

from __future__ import annotations

import json
from typing import Any


def entry(algorithm: str, *, operation: str = "*", computes: str = "FLOAT", **weights: Any) -> str:
    """A list of one entry; `weights` are fields of its `weight_tensor_config`."""
    config = {
        "weight_tensor_config": {"granularity": "CHANNELWISE", **weights},
        "compute_precision": computes,
        "explicit_dequantize": computes == "FLOAT",
    }
    return json.dumps([{"regex": ".*", "operation": operation, "algorithm_key": algorithm, "op_config": config}])
