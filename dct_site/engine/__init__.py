"""The engine: everything that works beside the web process – decide, admit, launch, settle, poll, supervise, the
clock.
"""
