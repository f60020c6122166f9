"""Which links cameras may have, and what of them is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.camera import checked_link, masked_link
from backend.domain.errors import InvalidField


@pytest.mark.parametrize(
    "link",
    [
        "rtsp://192.0.2.10/stream",
        "rtsp://user:pass@192.0.2.10:554/stream",
        "RTSP://camera.local/1",
        "rtsps://camera.local:322/1",
        "http://camera.local/mjpeg?channel=1",
        "https://user@camera.local/live.m3u8",
        "rtsp://[2001:db8::1]/stream",
        "rtsp://user:p%40ss%2F@[2001:db8::1]:8554/stream",
        "rtsp://user:pässwörd@kamera.local/1",
        "rtsp://...",
        "rtsp://camera.local",
    ],
)
def test_these_links_are_taken_as_they_are(link: str) -> None:
    assert checked_link(link) == link


@pytest.mark.parametrize(
    "link",
    [
        "",
        "camera.local/stream",
        "/dev/video0",
        "0",
        "file:///etc/passwd",
        "rtmp://192.0.2.10/live",
        "ftp://192.0.2.10/x",
        "tcp://192.0.2.10:80",
        "udp://239.0.0.1:1234",
        "concat:rtsp://192.0.2.10/a|rtsp://192.0.2.10/b",
        "pipe:0",
        "data:text/plain,x",
        "subfile,,start,0,end,9,,:rtsp://192.0.2.10/a",
        "lavfi://testsrc",
        "-i rtsp://192.0.2.10/a",
        "rtsp:192.0.2.10/a",
        "rtsp:/192.0.2.10/a",
        "rtsp://",
        "rtsp:///stream",
        "rtsp://user:pass@/stream",
        "rtsp://192.0.2.10:0/stream",
        "rtsp://192.0.2.10:65536/stream",
        "rtsp://192.0.2.10:port/stream",
        "rtsp://[2001:db8::1/stream",
        "rtsp://192.0.2.10/a b",
        "rtsp://192.0.2.10/a -rtsp_transport udp",
        "rtsp://192.0.2.10/a\nb",
        "rtsp://192.0.2.10/a\tb",
        "\trtsp://192.0.2.10/a",
        "rtsp://192.0.2.10/a\x00",
        "rtsp://192.0.2.10/\u200b",
        "rtsp://192.0.2.10/\u2028",
    ],
)
def test_everything_else_is_refused_with_the_field_named_and_the_link_not_repeated(link: str) -> None:
    with pytest.raises(InvalidField) as refused:
        checked_link(link)
    assert refused.value.details["field"] == "rtsp_link"
    assert "192.0.2.10" not in refused.value.message


def test_a_password_with_a_bare_slash_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidField, match="%2F"):
        checked_link("rtsp://user:pa/ss@192.0.2.10/stream")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("rtsp://192.0.2.10/stream", "rtsp://192.0.2.10/stream"),
        ("rtsp://user:pass@192.0.2.10:554/stream", "rtsp://user:***@192.0.2.10:554/stream"),
        ("rtsp://user@192.0.2.10/stream", "rtsp://***@192.0.2.10/stream"),
        ("rtsp://:pass@192.0.2.10/stream", "rtsp://:***@192.0.2.10/stream"),
        ("rtsp://user:pass@[2001:db8::1]:8554/1", "rtsp://user:***@[2001:db8::1]:8554/1"),
        ("rtsp://user:p@ss@192.0.2.10/stream", "rtsp://user:***@192.0.2.10/stream"),
        ("rtsp://user%3Apass@192.0.2.10/stream", "rtsp://user:***@192.0.2.10/stream"),
        ("rtsp://user:p%2Fss@192.0.2.10/stream", "rtsp://user:***@192.0.2.10/stream"),
        ("http://192.0.2.10/mjpeg?user=a&pwd=b", "http://192.0.2.10/mjpeg?***"),
        ("http://192.0.2.10/mjpeg#token", "http://192.0.2.10/mjpeg?***"),
        (
            "rtsp://192.0.2.10:554/user=admin_password=tlJwpbo6_channel=1.sdp?real_stream",
            "rtsp://192.0.2.10:554/user=admin_password=***?***",
        ),
    ],
)
def test_a_link_is_shown_without_what_is_secret_in_it(link: str, shown: str) -> None:
    assert masked_link(link) == shown


@given(st.text("abc/?#@:%=&.[]" + "12"))
def test_no_text_at_all_makes_masking_fail(text: str) -> None:
    masked_link(text)
    masked_link(f"rtsp://{text}")


@given(
    user=st.text("userÜ.-_1", min_size=1),
    noise=st.text("/?#@:%&=.", max_size=6),
    place=st.sampled_from(["192.0.2.10/stream", "[2001:db8::1]:554/1", "camera.local"]),
)
def test_a_password_is_hidden_whatever_stands_around_it(user: str, noise: str, place: str) -> None:
    assert "SECRET" not in masked_link(f"rtsp://{user}:{noise}SECRET{noise}@{place}")
    assert "SECRET" not in masked_link(f"rtsp://{place}?{noise}SECRET{noise}")
