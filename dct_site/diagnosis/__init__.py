"""What `./dct doctor` looks at."""
