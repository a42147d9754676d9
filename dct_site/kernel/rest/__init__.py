"""What every API view shares and no room owns: problems, safe parsing, keyset pages, entity tags."""
