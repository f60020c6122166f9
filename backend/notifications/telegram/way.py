"""The way to a Bot API server, judged before anything is sent."""

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies

from backend.domain.errors import ConfigurationError

TIMEOUT_S = 20.0
"""How long one message may take from connecting to the answer: a picture of 300 kB over 0.2 Mbit/s."""

_USED = ("http", "https", "all")
"""Whose proxies the HTTP client takes from the environment."""


def check_way_to(api_url: str) -> None:
    """Raise ConfigurationError where the environment names a proxy that cannot be used."""
    if is_on_this_machine(api_url):
        return
    environment = getproxies()
    proxies = (environment[name] for name in _USED if name in environment)
    # Without a scheme it is a host, and spoken to by HTTP.
    if any(not proxy.lower().startswith(("http://", "https://")) for proxy in proxies if "://" in proxy):
        raise ConfigurationError(
            "The proxy that HTTPS_PROXY or ALL_PROXY names cannot be used; it must be http:// or https://."
        )


def is_on_this_machine(api_url: str) -> bool:
    """Whether a server is one that no proxy leads to."""
    try:
        host = urlsplit(api_url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
