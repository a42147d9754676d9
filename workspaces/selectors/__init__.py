"""What people may see of the library, of templates and of workspaces."""
