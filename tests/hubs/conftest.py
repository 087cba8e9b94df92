"""Makes the bench importable, whose hub of three the tests share."""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).parents[2])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)  # benches are no installed package
