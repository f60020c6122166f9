"""Many threads, few places that memory comes from."""

import ctypes
import subprocess
import sys
import textwrap

from backend.cameras.arenas import MOST, share_arenas

PROGRAM = """
    import ctypes, threading
    from backend.cameras.arenas import share_arenas

    share_arenas()
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    together = threading.Barrier(16)

    def allocate():
        together.wait()
        blocks = [libc.malloc(1000) for _ in range(100)]
        together.wait()
        for block in blocks:
            libc.free(block)

    threads = [threading.Thread(target=allocate) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    libc.malloc_stats()
"""


def test_sixteen_threads_share_a_few_arenas_where_the_c_library_has_such() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_stats"):
        share_arenas()  # has nothing to do
        return
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, timeout=60, check=True
    )
    assert 1 <= done.stderr.count("Arena") <= MOST
