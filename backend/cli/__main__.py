"""`python -m backend.cli`, and `face-server`, which is the same."""

from backend.cli.commands import main

if __name__ == "__main__":
    main()
