"""People, roles, toggles, permission rules, connections and secrets, audit and the journal."""
