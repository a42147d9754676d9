"""Processes that run on behalf of DCT: the shim that owns a run, its supervisor's side, and the sandbox.

Nothing may be imported here: the shim imports this package on its own, with no site-packages and in a few milliseconds.
"""
