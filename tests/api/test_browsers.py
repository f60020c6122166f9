"""What browsers and proxies are told and believed."""

import asyncio
import logging

import httpx
import pytest

from backend.api.factory import create_app
from backend.api.headers import SECURITY_HEADERS
from backend.settings import Settings
from tests.api.conftest import TOKEN

ORIGIN = "https://home.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


def _answer(
    method: str, path: str, headers: dict[str, str], address: str = "192.0.2.9", **settings: str
) -> httpx.Response:
    """What the application answers to a request from that address; its services are not open."""
    app = create_app(Settings.model_validate({"auth_token": TOKEN, **settings}))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/persons", "/nope", "/healthz", "/openapi.json"])
def test_every_answer_has_the_headers_that_protect_it(api: httpx.Client, anybody: httpx.Client, path: str) -> None:
    for client in (api, anybody):
        headers = client.get(path).headers
        assert {name: headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)


def test_the_page_of_documents_may_run_its_own_scripts_and_be_framed_by_nobody(anybody: httpx.Client) -> None:
    policy = anybody.get("/docs").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_no_page_of_another_origin_may_call_unless_it_is_named() -> None:
    assert "access-control-allow-origin" not in _answer("OPTIONS", "/persons", PREFLIGHT).headers
    allowed = _answer("OPTIONS", "/persons", PREFLIGHT, cors_origins=f"{ORIGIN}, http://localhost:3000")
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    other = _answer("OPTIONS", "/persons", {**PREFLIGHT, "Origin": "https://evil.example"}, cors_origins=ORIGIN)
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("proxies", "address"), [("", "198.51.100.1"), ("192.0.2.0/24", "203.0.113.5"), ("10.0.0.0/8", "198.51.100.1")]
)
def test_where_a_request_came_from_is_believed_of_trusted_proxies_alone(
    proxies: str, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    sender = "192.0.2.9" if "192" in proxies else "198.51.100.1"
    headers = {"X-Forwarded-For": "203.0.113.5", "Authorization": "Bearer wrong"}
    with caplog.at_level(logging.WARNING, "backend.api.security"):
        assert _answer("GET", "/persons", headers, sender, trusted_proxies=proxies).status_code == 403
    assert f"An attempt from {address} failed" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"trusted_proxies": "*"}, {"trusted_proxies": "10.0.0.1/8"}, {"cors_origins": "home.example"}]
)
def test_a_setting_that_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is no"):
        Settings.model_validate({"auth_token": TOKEN, **wrong})
