"""Required outputs, their checks, and the gate that an agent must pass to be done."""
