"""Services that are opened while what answers from them is still being put together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from backend.container.services import OpenServices, Services, open_services
from backend.settings import Settings


@contextmanager
def opened_ahead(settings: Settings, opened: OpenServices = open_services) -> Iterator[OpenServices]:
    """Begin to open the services on a thread, and go on at once.

    What is given stands for `opened`, once: it waits until they are open, and raises what kept them from it. Where
    nobody asks for them they are closed at the end.
    """
    services = opened(settings)
    opener = ThreadPoolExecutor(1, thread_name_prefix="opening")
    opening = opener.submit(services.__enter__)
    opener.shutdown(wait=False)
    is_taken = False

    @contextmanager
    def taken(_settings: Settings) -> Iterator[Services]:
        nonlocal is_taken
        is_taken = True
        ready = opening.result()
        try:
            yield ready
        finally:
            services.__exit__(None, None, None)

    try:
        yield taken
    finally:
        if not is_taken and opening.exception() is None:
            services.__exit__(None, None, None)
