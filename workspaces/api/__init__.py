"""The API of the workspaces room: templates, workspaces and their files."""
