"""Serve recorded packets over RTSP, as cameras do; run by `RtspServer` under the Python that has GStreamer.

Standard library and PyGObject only. Standard input carries one line of JSON (see `rtsp_server.py`), then the packets it
announces, then stays open: when it closes, the server ends, so that it never outlives its owner. Standard output tells,
one JSON object a line, the bound port and each client that starts to play.
"""

import json
import sys
import threading
from typing import Any, BinaryIO

import gi  # type: ignore[import-not-found]  # a system package, outside the environment that is type-checked

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")

from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402 - after versions

PAYLOADERS = {
    "h264": "rtph264pay config-interval=-1",
    "hevc": "rtph265pay config-interval=-1",
    "mjpeg": "rtpjpegpay",
}
CAPS = {
    "h264": "video/x-h264,stream-format=byte-stream,alignment=au",
    "hevc": "video/x-h265,stream-format=byte-stream,alignment=au",
    "mjpeg": "image/jpeg,width={width},height={height},framerate={fps}",
}
AUDIO = " audiotestsrc is-live=true ! mulawenc ! rtppcmupay name=pay1 pt=0"
ELEMENTS = ("appsrc", "rtpbin", "udpsink", "rtph264pay", "rtph265pay", "rtpjpegpay", "audiotestsrc", "mulawenc")
SESSION_CLEANING_S = 2
ROLE = "viewer"


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a pipe, or end the program if its other end is gone."""
    data = source.read(size)
    if len(data) < size:
        raise SystemExit("the description of the streams ended early")
    return data


class Feed:
    """Gives one client a stream's packets, from the first, at the time stamps of a clip that goes round."""

    def __init__(self, mount: dict[str, Any]) -> None:
        self._packets: list[dict[str, Any]] = mount["packets"]
        self._last_keyframe = max(n for n, packet in enumerate(self._packets) if packet["key"])
        self._at_end: str = mount["at_end"]
        self._length_ns = sum(packet["duration"] for packet in self._packets)
        self._next = 0
        self._round_starts_ns = 0

    def push_next(self, source: Any, _wanted: int) -> None:
        if self._next == len(self._packets) and not self._begin_again(source):
            return
        packet = self._packets[self._next]
        buffer = Gst.Buffer.new_wrapped(packet["data"])
        buffer.pts = buffer.dts = self._round_starts_ns + packet["at"]
        buffer.duration = packet["duration"]
        self._next += 1
        source.emit("push-buffer", buffer)

    def _begin_again(self, source: Any) -> bool:
        """Prepare what follows the last packet; false where nothing does."""
        if self._at_end == "end":
            source.emit("end-of-stream")
        if self._at_end in ("end", "freeze"):
            return False
        if self._at_end == "repeat":
            kept = self._packets[self._last_keyframe]
            shown_until = self._round_starts_ns + self._packets[-1]["at"] + self._packets[-1]["duration"]
            self._packets = [dict(kept, at=0)]
            self._last_keyframe = 0
            self._round_starts_ns = shown_until
        else:
            self._round_starts_ns += self._length_ns
        self._next = 0
        return True


class Server:
    """A GStreamer RTSP server whose streams are the announced packets."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._loop = GLib.MainLoop()
        self._server = GstRtspServer.RTSPServer()
        self._server.set_address("127.0.0.1")
        self._server.set_service(str(description["port"]))
        if description["user"] is not None:
            self._server.set_auth(make_auth(description))
        mounts = self._server.get_mount_points()
        for mount in description["mounts"]:
            mounts.add_factory(f"/{mount['name']}", self._factory(mount, guarded=description["user"] is not None))

    def run(self) -> None:
        if self._server.attach(None) == 0:
            raise SystemExit("the port is taken")
        GLib.timeout_add_seconds(SESSION_CLEANING_S, self._forget_expired_sessions)
        threading.Thread(target=self._quit_with_owner, daemon=True).start()
        report(event="ready", port=self._server.get_bound_port())
        self._loop.run()

    def _factory(self, mount: dict[str, Any], guarded: bool) -> Any:
        caps = CAPS[mount["codec"]].format_map(mount)
        launch = f"appsrc name=clip format=time caps={caps} ! {PAYLOADERS[mount['codec']]} name=pay0 pt=96"
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {launch}{AUDIO if mount['audio'] else ''} )")
        factory.set_shared(False)
        factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP)
        if guarded:
            factory.set_permissions(viewers_may_watch())
        factory.connect("media-configure", self._feed_media, mount)
        return factory

    def _feed_media(self, _factory: Any, media: Any, mount: dict[str, Any]) -> None:
        feed = Feed(mount)
        media.get_element().get_by_name("clip").connect("need-data", feed.push_next)
        media.connect("new-state", self._tell_of_playing, mount["name"])

    def _tell_of_playing(self, _media: Any, state: int, name: str) -> None:
        if state == int(Gst.State.PLAYING):
            report(event="play", name=name)

    def _forget_expired_sessions(self) -> bool:
        self._server.get_session_pool().cleanup()
        return True

    def _quit_with_owner(self) -> None:
        sys.stdin.buffer.read()
        self._loop.quit()


def make_auth(description: dict[str, Any]) -> Any:
    """Return an authentication that lets one user in, by the one scheme that is asked for."""
    user, password = description["user"], description["password"]
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    auth = GstRtspServer.RTSPAuth()
    if description["scheme"] == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return auth


def viewers_may_watch() -> Any:
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role(ROLE)
    for action in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role(ROLE, action, True)
    return permissions


def report(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def read_description(source: BinaryIO) -> dict[str, Any]:
    """Return the description of the server, each packet with its data."""
    description: dict[str, Any] = json.loads(source.readline())
    for mount in description["mounts"]:
        for packet in mount["packets"]:
            packet["data"] = read_exactly(source, packet["size"])
    return description


def main() -> None:
    Gst.init(None)
    missing = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
    if missing:
        raise SystemExit(f"GStreamer lacks {', '.join(missing)}")
    Server(read_description(sys.stdin.buffer)).run()


if __name__ == "__main__":
    main()
