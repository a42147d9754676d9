"""The chaos harness: a generator, a nemesis, a history of what was acknowledged, and a checker over it and the rows."""
