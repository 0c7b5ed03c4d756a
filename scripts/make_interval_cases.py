"""Writes tests/data/interval/cases.json: intervals as SciPy computes them.

    python scripts/make_interval_cases.py

Needs numpy and scipy.
"""
import json
import pathlib

import numpy as np
from scipy import stats

PATH = pathlib.Path(__file__).resolve().parent.parent / "tests/data/interval/cases.json"


def shares():
    pairs = [(0, 1), (1, 1), (0, 5), (3, 4), (37, 40), (40, 40), (1, 1000), (123456, 200000)]
    for right, n in pairs:
        interval = stats.binomtest(right, n).proportion_ci(method="wilson")
        yield {"right": right, "n": n, "low": interval.low, "high": interval.high}


def bounds():
    for degrees in [1, 1.5, 2, 3, 4.25, 5, 10, 29, 99.9, 150, 1000, 9999, 10001, 123456, 1e9]:
        yield {"degrees": float(degrees), "t": stats.t.ppf(0.975, degrees)}


def means(samples):
    for values in samples:
        low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        yield {"values": values, "mean": np.mean(values), "low": low, "high": high}


def two_means(pairs):
    """Welch's interval of a - b is twice as wide as that of (a + b) / 2."""
    for a, b in pairs:
        interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
        mean, half = (np.mean(a) + np.mean(b)) / 2, (interval.high - interval.low) / 4
        yield {"groups": [a, b], "mean": mean, "low": mean - half, "high": mean + half}


def main():
    draw = np.random.default_rng(1)
    samples = [[0.1, 0.5, 0.25, 1.0, 0.0, 0.125], [0.75, 0.5, 0.875, 1.0], [0.1, 0.2],
               [3.25, 2.5, 4.125], draw.normal(1e6, 0.5, 200).round(6).tolist()]
    cases = {"shares": list(shares()), "bounds": list(bounds()), "means": list(means(samples)),
             "two_means": list(two_means([samples[:2], samples[1:3], [samples[0], samples[3]]]))}
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(cases, indent=1) + "\n")


main()
