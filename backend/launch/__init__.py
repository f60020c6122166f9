"""The API and the web UI started together and stopped together: what `face-server up` and `make serve` do."""

from backend.launch.env_file import ensure_env_file, write_setting
from backend.launch.processes import Part, run_together
from backend.launch.service import run_ui, up

__all__ = ["Part", "ensure_env_file", "run_together", "run_ui", "up", "write_setting"]
