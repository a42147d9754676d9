"""Any system that can POST JSON with a signature."""
