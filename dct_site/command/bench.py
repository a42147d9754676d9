"""`./dct bench`: measures, and prints each figure beside its baseline."""

import argparse
import importlib
import inspect
import json
import sys
from pathlib import Path

from dct_site.bench import CATALOGUE

SUMMARY = "benchmarks; each figure is one JSON object on a line, with the baseline it is compared to"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which benchmark, and a file for its lines."""
    parser.add_argument("name", choices=sorted(CATALOGUE), help="what to measure")
    parser.add_argument("--executions", type=int, metavar="N", help="how many, for dispatch (1,000) and soak (10,000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the lines to FILE too")


def main(args: argparse.Namespace) -> int:
    """Run one benchmark; 1 where it measured nothing."""
    lines = []
    measure = importlib.import_module(CATALOGUE[args.name]).measure
    wanted = {}
    if args.executions is not None:
        if "executions" not in inspect.signature(measure).parameters or args.executions < 1:
            print(f"dct: bench {args.name} takes no --executions {args.executions}.", file=sys.stderr)
            return 2
        wanted = {"executions": args.executions}
    for figure in measure(**wanted):
        lines.append(figure.line())
        print(_words(json.loads(lines[-1])) if sys.stdout.isatty() else lines[-1], flush=True)
    if args.json is not None:
        args.json.write_text("".join(f"{line}\n" for line in lines))
    return 0 if lines else 1


def _words(figure: dict[str, object]) -> str:
    """A figure for people."""
    told = f"{figure['figure']:>16}  {figure['value']:>12} {figure['unit']}"
    if figure["baseline"]:
        told += f"   {figure['baseline']}: {figure['baseline_value']}   ratio {figure['ratio']}"
    return told
