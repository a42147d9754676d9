"""Benchmarks: what `./dct bench NAME` measures, each figure beside the baseline that gives it a meaning."""

CATALOGUE = {
    "admit": "dct_site.bench.admit",
    "clock": "dct_site.bench.clock",
    "decide": "dct_site.bench.decide",
    "dispatch": "dct_site.bench.dispatch",
    "fanout": "dct_site.bench.fanout",
    "flood": "dct_site.bench.flood",
    "intake": "dct_site.bench.intake",
    "match": "dct_site.bench.match",
    "path": "dct_site.bench.path",
    "soak": "dct_site.bench.soak",
}
"""Name → module with ``measure() -> Iterator[Figure]``, of some with ``executions``, and a docstring whose first line
says what it measures.
"""
