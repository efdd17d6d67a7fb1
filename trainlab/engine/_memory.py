"""How the process keeps memory for the next step."""

from __future__ import annotations

import ctypes
import functools

# From malloc.h: what is freed at the end of the heap is kept up to so many bytes; pieces below so many come from the heap.
M_TRIM_THRESHOLD, KEPT_BYTES = -1, 2**29
M_MMAP_THRESHOLD, HEAP_BYTES = -3, 2**25


@functools.cache
def keep_freed_memory() -> None:
    """Let the C library keep what a step frees, for the next one; where it is glibc, which else gives large pieces back.

    The system would clear each page of them anew: up to a quarter of the time of a step. No result depends on it.
    """
    try:
        configure = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    configure(M_TRIM_THRESHOLD, KEPT_BYTES)
    configure(M_MMAP_THRESHOLD, HEAP_BYTES)
