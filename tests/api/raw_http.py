"""HTTP as bytes, for what a proper client refuses to send."""

import socket
from urllib.parse import urlsplit


def sent_as_it_is(url: str, *lines: str) -> tuple[int, str]:
    """The status and the whole answer to these lines of a request, which nobody corrects."""
    address = urlsplit(url)
    request = "\r\n".join((*lines, f"Host: {address.netloc}", "Connection: close", "", ""))
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(answer.split(" ", 2)[1]), answer
