"""What changes people, rights, connections, secrets and the audit log."""
