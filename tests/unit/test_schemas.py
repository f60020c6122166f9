"""What is refused where it is sent, because it would fail later or mean something else."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from backend.schemas.channels import MqttSettings
from backend.schemas.moments import Moment

MOMENTS = TypeAdapter[datetime](Moment)


def test_a_moment_is_taken_with_its_zone_and_kept_in_utc() -> None:
    assert MOMENTS.validate_python("2026-11-22T14:00:00+02:00") == datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "sent",
    ["0.5", "1700000000", 1700000000, 0.5, "nan", "-1", True, "2026-11-22T12:00:00", "9999-12-31T23:59:59-12:00"],
)
def test_what_is_no_moment_with_a_zone_is_refused(sent: object) -> None:
    with pytest.raises(ValidationError):
        MOMENTS.validate_python(sent)


@pytest.mark.parametrize("host", ["a" * 64, "a..b", ".a"])
def test_a_host_that_cannot_be_looked_up_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="no name or address of a host"):
        MqttSettings(host=host)


@pytest.mark.parametrize("host", ["broker.lan", "192.0.2.1", "2001:db8::1", "localhost"])
def test_a_host_that_may_be_there_is_taken(host: str) -> None:
    assert MqttSettings(host=host).host == host
