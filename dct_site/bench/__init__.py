"""Benchmarks: what `./dct bench NAME` measures, each figure beside the baseline that gives it a meaning."""

CATALOGUE = {
    "admit": "dct_site.bench.admit",
    "clock": "dct_site.bench.clock",
    "decide": "dct_site.bench.decide",
    "flood": "dct_site.bench.flood",
    "intake": "dct_site.bench.intake",
    "match": "dct_site.bench.match",
    "path": "dct_site.bench.path",
}
"""Name → module with ``measure() -> Iterator[Figure]`` and a docstring whose first line says what it measures."""
