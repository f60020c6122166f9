"""What the tests of the pages share."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.components.v2 import manifest_scanner


@pytest.fixture(scope="session", autouse=True)
def _packages_looked_through_once() -> Iterator[None]:
    """Streamlit looks for its components in all installed packages whenever an app is run: most of a page's test."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_magic() -> None:
    """As in the UI's own configuration, which Streamlit does not read here."""
    config.set_option("runner.magicEnabled", False)


@pytest.fixture(autouse=True)
def _own_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No `.env` of this machine, and nothing that another test's session has kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTH_TOKEN", "token-from-env")
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
