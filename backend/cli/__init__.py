"""The command line `face-server`: `commands` has them all, `__main__` runs one."""
