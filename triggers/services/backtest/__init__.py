"""Back-tests: what a document would have answered to stored history. Nothing is written."""
