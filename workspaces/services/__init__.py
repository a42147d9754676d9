"""Services of the workspaces room: one use-case a file."""
