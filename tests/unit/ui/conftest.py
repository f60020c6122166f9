"""What the tests of the pages share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st


@pytest.fixture(autouse=True)
def _own_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No `.env` of this machine, and nothing that another test's session has kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTH_TOKEN", "token-from-env")
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
