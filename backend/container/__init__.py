"""THE WIRING: settings to services, opened in order and closed in reverse; nobody else names concrete classes together.

`models` on a runtime and the `database` make `recognition`; `cameras` and `messages` stand on that, `handover` changes
it, and `services` is the whole, which ends by one deadline (`ending`).
"""
