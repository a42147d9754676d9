"""Small typed functions that make rows for tests; one module per app."""
