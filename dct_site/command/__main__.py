"""Runs one command of `./dct`: looks its module up by name, parses its arguments, calls its main."""

import argparse
import importlib
import sys

from dct_site.command.bootstrap import commands, help_text


def main(argv: list[str]) -> int:
    """Run the command `argv[0]` with the rest as its arguments; return its exit code (2 for an unknown command).

    A module offers `SUMMARY`, `add_arguments(parser)` and `main(args) -> int`. With `PASSES_THROUGH = True` whatever
    its parser does not know arrives in order as `args.rest`, and `--help` is its own to declare.
    """
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print(help_text())
        return 0
    name, *words = argv
    if name not in commands():
        print(f"dct: there is no command {name!r}; known are {', '.join(commands())}.", file=sys.stderr)
        return 2
    module = importlib.import_module(f"dct_site.command.{name}")
    passes_through = getattr(module, "PASSES_THROUGH", False)
    parser = argparse.ArgumentParser(
        prog=f"./dct {name}",
        description=module.SUMMARY,
        allow_abbrev=False,
        add_help=not passes_through,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    if passes_through:
        args, rest = parser.parse_known_args(words)
        args.rest = rest
    else:
        args = parser.parse_args(words)
    code: int = module.main(args)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
