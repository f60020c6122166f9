"""Errors in words that say what to do."""

from typing import get_args

import pytest
from pydantic import ValidationError

from backend.client import (
    ClientError,
    Forbidden,
    Missing,
    Refused,
    ServerFailed,
    Unauthorised,
    UnexpectedAnswer,
    Unreachable,
)
from backend.schemas.cameras import CameraJob
from backend.schemas.persons import RejectedPhoto
from backend.ui.explanations import advice, explanation, faults

CODES = get_args(RejectedPhoto.model_fields["code"].annotation)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Unreachable, "make serve"),
        (Unauthorised, "Access token"),
        (Forbidden, "AUTH_TOKEN"),
        (ServerFailed, "01J"),
        (UnexpectedAnswer, "UTILITIES_URL"),
        (Refused, "A sentence"),
        (Missing, "A sentence"),
    ],
)
def test_every_error_says_what_to_do(kind: type[ClientError], words: str) -> None:
    assert words in explanation(kind(500, "some_code", "A sentence.", request_id="01J"))


def test_a_key_without_the_scope_is_not_told_to_compare_tokens() -> None:
    told = explanation(Forbidden(403, "scope_missing", "This takes a key with the scope enrol."))
    assert "may not do this" in told
    assert "Compare" not in told


def test_what_the_server_says_is_shown_as_text() -> None:
    assert "\\*\\*bold\\*\\*" in explanation(Refused(422, "invalid_field", "**bold**"))


def test_a_picture_that_cannot_be_read_comes_with_advice() -> None:
    assert "JPEG" in explanation(Refused(415, "unsupported_format", "No picture."))


def test_there_is_advice_for_every_reason_a_photo_is_not_taken_for() -> None:
    assert len(CODES) >= 8
    told = {advice(RejectedPhoto(index=0, filename="a.jpg", code=code, message="")) for code in CODES}
    assert len(told) == len(CODES)


def test_the_faults_of_a_form_name_its_fields_and_not_what_was_typed() -> None:
    with pytest.raises(ValidationError) as caught:
        CameraJob.model_validate({"rtsp_link": " ", "camera_nickname": "a\x00secret", "threshold": 7})
    labels = {"rtsp_link": "Link", "camera_nickname": "Name", "threshold": "Threshold"}
    told = faults(caught.value, labels)
    assert [sentence.partition(":")[0] for sentence in told] == ["Link", "Name", "Threshold"]
    assert told[0] == "Link: please fill this in."
    assert "secret" not in "".join(told)


def test_a_fault_between_fields_is_told_without_a_label() -> None:
    with pytest.raises(ValidationError) as caught:
        CameraJob(rtsp_link="rtsp://a", camera_nickname="FrontDoor", telegram_chat_id="1")
    (told,) = faults(caught.value, {})
    assert "belong together" in told
