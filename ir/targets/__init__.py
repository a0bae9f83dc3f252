"""What runtimes take, as data: a table a target, which `tflir check`, passes and reports read.

```python
verdict = TARGETS.get("xnnpack").verdict(op)
if verdict.status == "refused":
    print(verdict.reason, verdict.mend)
```
"""

from tflir.ir.targets.partition import Partition, partitions
from tflir.ir.targets.registry import TARGETS
from tflir.ir.targets.target import Defect, Need, Row, Target, fails, refuses, takes
from tflir.ir.targets.verdict import Status, Verdict

__all__ = [
    "TARGETS",
    "Defect",
    "Need",
    "Partition",
    "Row",
    "Status",
    "Target",
    "Verdict",
    "fails",
    "partitions",
    "refuses",
    "takes",
]
