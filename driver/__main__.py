"""`python -m tflir`: the command line, if no script `tflir` is on the path."""

from __future__ import annotations

import sys

from tflir.cli import main

if __name__ == "__main__":
    sys.exit(main())
