"""What is refused where it is sent, because it would fail later or mean something else."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from backend.schemas.cameras import CameraJob
from backend.schemas.channels import MqttSettings, TelegramSettings
from backend.schemas.keys import KeyRequest
from backend.schemas.moments import Moment
from backend.schemas.rules import PeriodEntry, RuleRequest

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


CAMERA = {"rtsp_link": "rtsp://192.0.2.10/1", "camera_nickname": "FrontDoor"}
RULE = {"name": "Strangers", "channel_ids": ["a"]}
PERIOD = {"begins": "22:00", "ends": "06:00"}


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (CameraJob, CAMERA | {"threshold": "0.5"}),
        (CameraJob, CAMERA | {"threshold": True}),
        (CameraJob, CAMERA | {"cooldown_seconds": "60"}),
        (CameraJob, CAMERA | {"cooldown_seconds": 60.5}),
        (CameraJob, CAMERA | {"notify_unknown": "yes"}),
        (CameraJob, CAMERA | {"notify_unknown": 1}),
        (CameraJob, CAMERA | {"camera_nickname": 7}),
        (CameraJob, CAMERA | {"region": [["0", 0], [1, 0], [1, 1]]}),
        (TelegramSettings, {"api_token": 7, "chat_id": "1"}),
        (TelegramSettings, {"api_token": "a", "chat_id": True}),
        (MqttSettings, {"host": "broker", "port": "1883"}),
        (KeyRequest, {"name": 7, "scopes": ["read"]}),
        (RuleRequest, RULE | {"enabled": 0}),
        (RuleRequest, RULE | {"channel_ids": "a"}),
        (PeriodEntry, PERIOD | {"begins": 79200}),
        (PeriodEntry, PERIOD | {"begins": "22:00:00.5"}),
        (PeriodEntry, PERIOD | {"begins": "22:00Z"}),
        (PeriodEntry, PERIOD | {"begins": "79200"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value.__name__,
)
def test_a_value_of_another_type_than_it_is_written_as_is_refused(
    model: type[BaseModel], document: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(document)


def test_what_json_writes_in_several_ways_is_one_thing() -> None:
    job = CameraJob.model_validate(
        CAMERA | {"cooldown_seconds": 60.0, "threshold": 1, "region": [[0, 0], [1, 0.5], [1, 1]]}
    )
    assert (job.cooldown_seconds, job.threshold, job.region) == (60, 1.0, [(0, 0), (1, 0.5), (1, 1)])
    rule = RuleRequest.model_validate(RULE | {"who": "unknown", "hours": [PERIOD]})
    assert (rule.who, rule.hours[0].begins.hour) == ("unknown", 22)
    assert KeyRequest.model_validate({"name": "nas", "scopes": ["read"]}).scopes == ["read"]


@pytest.mark.parametrize("chat_id", ["-100123", -100123])
def test_a_chat_may_be_named_by_its_number(chat_id: object) -> None:
    bot = {"telegram_api_token": "a"}
    assert TelegramSettings.model_validate({"api_token": "a", "chat_id": chat_id}).chat_id == "-100123"
    assert CameraJob.model_validate(CAMERA | bot | {"telegram_chat_id": chat_id}).telegram_chat_id == "-100123"
