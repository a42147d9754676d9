"""The library (items and their states), templates, workspaces and their files."""
