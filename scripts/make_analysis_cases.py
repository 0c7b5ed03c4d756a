"""Writes tests/data/analysis/cases.json: hidden attention and Mamba Mean Distance of a small model,
computed with numpy in double precision from the weights and the definitions alone.

    python scripts/make_analysis_cases.py

Needs numpy and safetensors.
"""
import json
import pathlib

import numpy as np
from safetensors.numpy import load_file

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests/data"
MODEL = "golden/tiny-a"
N_ID, STEP, N_QUERY = 40, 7, 3


def silu(x):
    return x / (1 + np.exp(-x))


def rms_norm(x, weight):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5) * weight


def chosen(delta, place, deci):
    """Positions that a decimating layer keeps, by the L2 norm of Delta."""
    n = len(delta) - deci["keep_tail"]
    k = min(n, max(int(min(n, deci["base_length"] * deci["beta"] ** place)), deci["min_length"]))
    score = np.linalg.norm(delta[:n], axis=1)
    best = np.sort(np.argsort(-score, kind="stable")[:k])
    return np.concatenate([best, np.arange(n, len(delta))])


def read(weights, ids, n_layer, deci):
    """For each layer what its scan reads: places in the text, Delta, A, B and C."""
    residual = weights["backbone.embedding.weight"][ids]
    places = np.arange(len(ids))
    for layer in range(n_layer):
        w = {name.split(f"layers.{layer}.")[1]: value for name, value in weights.items()
             if f"layers.{layer}." in name}
        d_inner, d_state = w["mixer.A_log"].shape
        xz = rms_norm(residual, w["norm.weight"]) @ w["mixer.in_proj.weight"].T
        x, z = xz[:, :d_inner], xz[:, d_inner:]
        kernel = w["mixer.conv1d.weight"][:, 0, :]
        width = kernel.shape[1]
        padded = np.concatenate([np.zeros((width - 1, d_inner)), x])
        u = silu(sum(padded[k:k + len(x)] * kernel[:, k] for k in range(width))
                 + w["mixer.conv1d.bias"])
        dbc = u @ w["mixer.x_proj.weight"].T
        rank = dbc.shape[1] - 2 * d_state
        delta = np.logaddexp(
            0, dbc[:, :rank] @ w["mixer.dt_proj.weight"].T + w["mixer.dt_proj.bias"])
        B, C = dbc[:, rank:rank + d_state], dbc[:, rank + d_state:]
        if layer in deci["layers"]:
            kept = chosen(delta, deci["layers"].index(layer), deci)
            u, z, delta, B, C = (a[kept] for a in (u, z, delta, B, C))
            residual, places = residual[kept], places[kept]
        A = -np.exp(w["mixer.A_log"])
        yield places, delta, A, B, C
        state, y = np.zeros((d_inner, d_state)), np.empty_like(u)
        for t in range(len(u)):
            state = np.exp(delta[t][:, None] * A) * state + (delta[t] * u[t])[:, None] * B[t]
            y[t] = state @ C[t] + w["mixer.D"] * u[t]
        residual = residual + (y * silu(z)) @ w["mixer.out_proj.weight"].T


def hidden_attention(delta, A, B, C):
    """M [channel, i, j]."""
    n, d_inner = delta.shape
    M = np.zeros((d_inner, n, n))
    for i in range(n):
        for j in range(i + 1):
            gap = delta[j + 1:i + 1].sum(axis=0)
            M[:, i, j] = (C[i] * np.exp(A * gap[:, None]) * delta[j][:, None] * B[j]).sum(axis=1)
    return M


def mean_distance(M, places):
    distances = []
    for i in range(len(places) - N_QUERY, len(places)):
        row = np.abs(M[:, i, :i + 1])
        distances.append((row * (places[i] - places[:i + 1])).sum(axis=1) / row.sum(axis=1))
    return np.mean(distances, axis=0)


def numbers(array):
    return [float(f"{x:.7g}") for x in np.ravel(array)]


def make_case(weights, ids, n_layer, deci):
    case = {"method": deci, "layers": []}
    for places, delta, A, B, C in read(weights, ids, n_layer, deci):
        M = hidden_attention(delta, A, B, C)
        attention = np.abs(M[::STEP]).mean(axis=0)
        case["layers"].append({
            "places": places.tolist(),
            "map": numbers(attention[np.tril_indices(len(places))]),
            "distance": numbers(mean_distance(M, places))})
    return case


def check_choice(weights, expected, n_layer):
    """The same tokens as the official code keeps, in the runs of the golden file."""
    ids = np.array(expected["input_ids"])
    for run in expected["runs"]:
        deci = run["deci"]
        if not deci:
            continue
        settings = {"layers": deci["layers"], "base_length": deci["L_base"], "beta": deci["beta"],
                    "min_length": deci["min_seq_len"], "keep_tail": run["num_last_tokens"]}
        if settings["keep_tail"] == len(ids):
            continue
        before = np.arange(len(ids))
        for layer, (places, *_) in enumerate(read(weights, ids, n_layer, settings)):
            if str(layer) in run["kept"]:
                assert np.array_equal(before[run["kept"][str(layer)]], places)
            before = places


def main():
    weights = {name: value.astype(np.float64)
               for name, value in load_file(DATA / MODEL / "model.safetensors").items()}
    config = json.loads((DATA / MODEL / "config.json").read_text())
    expected = json.loads((DATA / MODEL / "expected.json").read_text())
    check_choice(weights, expected, config["n_layer"])
    ids = expected["input_ids"][:N_ID]
    settings = [{"layers": []},
                {"layers": [1], "base_length": 20, "beta": 0.5, "min_length": 4, "keep_tail": 3},
                {"layers": [1, 2], "base_length": 24, "beta": 0.5, "min_length": 4,
                 "keep_tail": 5}]
    cases = {"model": MODEL, "ids": ids, "step": STEP, "n_query": N_QUERY,
             "cases": [make_case(weights, np.array(ids), config["n_layer"], deci)
                       for deci in settings]}
    path = DATA / "analysis/cases.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(cases) + "\n")


main()
