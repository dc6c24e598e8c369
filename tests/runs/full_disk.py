"""A disk that is full, for this process."""

import contextlib
import resource


@contextlib.contextmanager
def full_disk(largest=4096):
    """No file can grow beyond so many bytes: writing fails as on a full disk (EFBIG for ENOSPC)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
