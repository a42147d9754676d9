"""The reference pages that are generated from the code, one module each; `page()` returns the Markdown."""
