"""Launching: an admitted execution gets its workspace and its agent, step by step, each of them resumable."""
