"""A real `mosquitto` on loopback, with a password and if wanted TLS, and a subscriber that sees everything."""

import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.rig.ports import free_port

USER, PASSWORD = "face-server", "AApassword-of-the-tests"
FORBIDDEN = "forbidden"
"""What begins a topic on which nobody may publish."""
_START_S = 30.0
_MARK = "mark"
"""The topic by which the subscriber learns that it has heard all that came before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A publication that reached the subscriber."""

    topic: str
    payload: bytes
    retained: bool
    expiry_s: int | None


class Broker:
    """A broker on a free loopback port, alive inside its `with` block."""

    def __init__(self, folder: Path, *, tls: bool = False, port: int | None = None) -> None:
        """Keep its files in `folder`; with the `port` of an earlier one it is that broker, started anew and empty."""
        self._folder = folder
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = self._client()
        self._changed = threading.Condition()
        self._seen: list[Seen] = []
        self._marks = count()
        self._last_mark = -1
        self._subscribed = threading.Event()
        self.port = port or free_port()
        self._plain_port = free_port() if tls else self.port

    def __enter__(self) -> Self:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(program).exists():
            raise AssertionError("The tests of MQTT need the Debian package `mosquitto`: apt-get install mosquitto")
        self._write_files()
        self._process = subprocess.Popen([program, "-c", str(self._folder / "mosquitto.conf")], stderr=subprocess.PIPE)
        self._wait_for_listener()
        self._watcher.on_message = self._on_message
        self._watcher.on_subscribe = lambda *_: self._subscribed.set()
        self._watcher.connect("127.0.0.1", self._plain_port)
        self._watcher.loop_start()
        self._watcher.subscribe("#", 1)
        assert self._subscribed.wait(_START_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.disconnect()
        self._watcher.loop_stop()
        # Without a way back from the library to us, its sockets are closed now and not when the garbage is collected.
        self._watcher.on_message = self._watcher.on_subscribe = None
        assert self._process is not None
        self._process.terminate()
        self._process.communicate(timeout=_START_S)

    @property
    def ca_file(self) -> Path:
        """The authority that vouches for the broker."""
        return self._folder / "cert.pem"

    def seen(self, topic: str) -> list[Seen]:
        """What was published on topics that begin so, in its order: at least all that the broker has acknowledged."""
        # The broker acknowledges a message when it has it, which may be long before our subscriber was given it.
        mark = next(self._marks)
        self._watcher.publish(_MARK, str(mark), 1)
        with self._changed:
            assert self._changed.wait_for(lambda: self._last_mark >= mark, _START_S)
            return self._heard(topic)

    def wait_for(self, topic: str, times: int = 1, timeout: float = 60.0) -> list[Seen]:
        """Wait until so much was published on topics that begin so; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._heard(topic)) >= times, timeout):
                raise TimeoutError(f"{times} of {topic} did not come in {timeout} s; what came: {self._seen}")
            return self._heard(topic)

    def kept(self) -> list[Seen]:
        """What the broker retains for those who come later."""
        late: list[Seen] = []
        done = threading.Event()
        client = self._client()

        def take(_client: Client, _data: Any, message: MQTTMessage) -> None:
            late.append(_seen(message))
            if message.topic == "end":
                done.set()

        def end(*_: Any) -> None:
            client.publish("end", b"", 1)

        client.on_message, client.on_subscribe = take, end
        client.connect("127.0.0.1", self._plain_port)
        client.loop_start()
        client.subscribe("#", 1)
        assert done.wait(_START_S)
        client.disconnect()
        client.loop_stop()
        return [seen for seen in late if seen.retained]

    def _heard(self, topic: str) -> list[Seen]:
        return [seen for seen in self._seen if seen.topic.startswith(topic)]

    def _client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(USER, PASSWORD)
        return client

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        with self._changed:
            if message.topic == _MARK:
                self._last_mark = int(message.payload)
            else:
                self._seen.append(_seen(message))
            self._changed.notify_all()

    def _write_files(self) -> None:
        passwords = self._folder / "passwords"
        command = ["mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD]
        subprocess.run(command, check=True, capture_output=True)
        (self._folder / "acl").write_text(f"user {USER}\ntopic readwrite #\ntopic deny {FORBIDDEN}/#\n")
        lines = ["per_listener_settings false", "user root", "allow_anonymous false", f"password_file {passwords}"]
        lines += [f"acl_file {self._folder / 'acl'}", f"listener {self._plain_port} 127.0.0.1"]
        if self._tls:
            key = _write_certificate(self._folder)
            lines += [f"listener {self.port} 127.0.0.1", f"certfile {self.ca_file}", f"keyfile {key}"]
        (self._folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def _wait_for_listener(self) -> None:
        assert self._process is not None
        deadline = datetime.now(UTC) + timedelta(seconds=_START_S)
        while datetime.now(UTC) < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            threading.Event().wait(0.02)
        self._process.kill()
        raise AssertionError(f"mosquitto did not start: {self._process.communicate()[1]!r}")


def _seen(message: MQTTMessage) -> Seen:
    expiry = getattr(message.properties, "MessageExpiryInterval", None)
    return Seen(message.topic, bytes(message.payload), message.retain, expiry)


def _write_certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that vouches for itself; answers where its key is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path = folder / "key.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
