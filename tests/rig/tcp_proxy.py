"""A faulty network on loopback: a TCP proxy that cuts, delays, corrupts, stalls or refuses on command."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import numpy as np

Change = Callable[[bytes, int], bytes]
"""What happens to a chunk on its way: its bytes, and how many of the connection went before it."""

Travelling = asyncio.Queue[tuple[float, bytes]]
"""Chunks on their way, each with the loop's time at which it is due."""

_HOST = "127.0.0.1"
_CHUNK = 65536
_CHUNKS_UNDERWAY = 256
_TURN_S = 30.0  # how long a command may take to reach the proxy's thread


class TcpProxy:
    """Forwards a free loopback port to a target port, alive inside its `with` block.

    A fault lasts until the next `heal`. The methods return when the fault is in force, and may be called from any
    thread. One thread of its own serves all connections.
    """

    def __init__(self, target_port: int, seed: int = 0) -> None:
        self._target_port = target_port
        self._rng = np.random.default_rng(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy")
        self._listener: socket.socket | None = None
        self._port = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._delay_s = 0.0
        self._corrupted = 0.0
        self._untouched_bytes = 0
        self._flowing = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._heal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._refuse)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def port(self) -> int:
        """Where to connect instead of the target."""
        return self._port

    @property
    def accepted(self) -> int:
        """How many connections have been accepted so far."""
        return self._accepted

    def cut(self) -> None:
        """Reset all connections now; new ones are served."""
        self._do(self._cut)

    def refuse(self) -> None:
        """Reset all connections and refuse new ones."""
        self._do(self._refuse)

    def stall(self) -> None:
        """Go half-open: connections stay, new ones are accepted, and nothing is forwarded in either direction."""
        self._do(self._stall)

    def delay(self, seconds: float) -> None:
        """Deliver all that is sent, in both directions, this much later."""
        self._do(self._set_delay, seconds)

    def corrupt(self, fraction: float = 0.01, after: int = 8192) -> None:
        """Change this fraction of the bytes from the server, at random.

        The first `after` bytes of each connection stay as they are: RTSP's handshake, which takes about 3,000.
        """
        self._do(self._set_corruption, fraction, after)

    def heal(self) -> None:
        """End all faults: what was stalled flows again, and connections are accepted."""
        self._do(self._heal)

    def _do(self, command: Callable[..., Awaitable[None]], *arguments: float) -> None:
        async def obey() -> None:
            await command(*arguments)

        asyncio.run_coroutine_threadsafe(obey(), self._loop).result(_TURN_S)

    async def _cut(self) -> None:
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        await self._cut()

    async def _stall(self) -> None:
        self._flowing.clear()

    async def _set_delay(self, seconds: float) -> None:
        self._delay_s = seconds

    async def _set_corruption(self, fraction: float, after: int) -> None:
        self._corrupted, self._untouched_bytes = fraction, after

    async def _heal(self) -> None:
        self._delay_s = self._corrupted = 0.0
        self._flowing.set()
        if self._listener is None:
            self._listener = socket.create_server((_HOST, self._port))
            self._listener.setblocking(False)
            self._port = self._listener.getsockname()[1]
            self._loop.add_reader(self._listener, self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        client.setblocking(False)
        self._accepted += 1
        connection = self._loop.create_task(self._bridge(client))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        connection.add_done_callback(lambda _: client.close())  # even of one that is cut before it began

    async def _bridge(self, client: socket.socket) -> None:
        with socket.socket() as server:
            server.setblocking(False)
            try:
                await self._flowing.wait()
                await self._loop.sock_connect(server, (_HOST, self._target_port))
                async with asyncio.TaskGroup() as both_ways:
                    both_ways.create_task(self._forward(client, server, self._faithfully))
                    both_ways.create_task(self._forward(server, client, self._on_the_way_back()))
            except* (OSError, asyncio.CancelledError):  # one side is gone, or a cut: neither gets an orderly end
                for side in (client, server):
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _forward(self, source: socket.socket, sink: socket.socket, change: Change) -> None:
        """Pass on what a side sends until it has nothing more to say."""
        travelling: Travelling = asyncio.Queue(_CHUNKS_UNDERWAY)
        async with asyncio.TaskGroup() as journey:
            journey.create_task(self._depart(source, travelling))
            journey.create_task(self._arrive(travelling, sink, change))

    async def _depart(self, source: socket.socket, travelling: Travelling) -> None:
        data = b"any"
        while data:
            data = await self._loop.sock_recv(source, _CHUNK)
            await travelling.put((self._loop.time() + self._delay_s, data))

    async def _arrive(self, travelling: Travelling, sink: socket.socket, change: Change) -> None:
        passed = 0
        while True:
            due, data = await travelling.get()
            await asyncio.sleep(due - self._loop.time())
            await self._flowing.wait()
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            await self._loop.sock_sendall(sink, change(data, passed))
            passed += len(data)

    def _on_the_way_back(self) -> Change:
        """What happens to what a server sends over one connection."""
        return self._damaged

    def _faithfully(self, data: bytes, _passed: int) -> bytes:
        return data

    def _damaged(self, data: bytes, passed: int) -> bytes:
        """Return the data with some bytes changed, none of them among the connection's first."""
        if not self._corrupted:
            return data
        chosen = self._rng.random(len(data)) < self._corrupted
        chosen[: max(self._untouched_bytes - passed, 0)] = False
        flips = self._rng.integers(1, 256, len(data), dtype=np.uint8)
        return bytes(np.where(chosen, np.frombuffer(data, np.uint8) ^ flips, np.frombuffer(data, np.uint8)))
