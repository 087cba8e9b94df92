"""What a long running process does once about itself: who waits for whom, and what memory is for."""

import ctypes
import gc
import sys

SWITCH_S = 0.001
"""A thread that computes gives way to one that waits this soon. By Python's own 5 ms each message that
comes while something is folded, sealed or chosen would wait as long, at every step."""


def share_time() -> None:
    """Have the threads of this process take shorter turns."""
    sys.setswitchinterval(SWITCH_S)


def settle() -> None:
    """Everything is loaded and opened: what lives now stays, so that no collection looks at it again,
    and memory that only the start needed is given back to the system."""
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
        if trim is not None:
            trim(0)
