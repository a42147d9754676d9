"""What `./dct` runs: one module a command, each with SUMMARY, add_arguments(parser) and main(args)."""
