"""How the commands open this machine's gallery."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from backend.cli.console import err
from backend.container.recognition import Recognition, open_recognition
from backend.settings import load_local_settings


@contextmanager
def local_recognition() -> Iterator[Recognition]:
    """The database and models of this machine, ready for use."""
    with ExitStack() as stack:
        with err.status("Loading the face models"):
            recognition = stack.enter_context(open_recognition(load_local_settings()))
        yield recognition
