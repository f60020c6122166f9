"""`python -m backend.cli`: the same as `face-server`."""

from backend.cli import main

main()
