"""The documents, and the script that writes those of them that come from the code."""
