"""Writes tests/data/mamba2: tiny checkpoints in state-spaces' dialect, with logits computed token by
token.

    python scripts/make_mamba2_cases.py

Needs torch, safetensors and numpy. What mamba_ssm's Mamba2 class can do and transformers cannot: an
MLP beside the scan (d_ssm), a D for each channel, no norm, the norm before the gate; groups, limits
of dt, and a padded vocabulary. Written down here once more, in double, as the plain recurrence of the
paper (Dao & Gu 2024) on the parameters' names and order of that class: nothing of it is run. Each
folder has config.json, model.safetensors and expected.safetensors: input_ids [n] (int32), logits
[n, vocab], the mean `loss` of predicting every token but the first, and its gradient `grad.NAME`.
"""
import json
import math
import pathlib
import shutil

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "mamba2"
D_MODEL, N_LAYER, VOCAB, N_TOKEN = 16, 3, 45, 150
CASES = {
    "plain": dict(d_state=5, headdim=8),
    "mlp": dict(d_state=6, headdim=4, d_ssm=24, ngroups=2),
    "channels": dict(d_state=3, headdim=16, D_has_hdim=True, norm_before_gate=True, ngroups=2),
    "gate": dict(d_state=7, headdim=4, rmsnorm=False, conv_bias=False, bias=True, d_conv=3,
                 dt_limit=[0.2, math.inf]),
}


def sizes(cfg):
    inner = int(cfg.get("expand", 2) * D_MODEL)
    ssm = cfg.get("d_ssm") or inner
    heads, groups = ssm // cfg["headdim"], cfg.get("ngroups", 1)
    conv = ssm + 2 * groups * cfg["d_state"]
    return inner, ssm, heads, groups, conv


def weights(cfg, tied):
    inner, ssm, heads, groups, conv = sizes(cfg)
    rows = 2 * (inner - ssm) + ssm + conv + heads
    vocab = (VOCAB + 15) // 16 * 16
    w = {"backbone.embedding.weight": torch.randn(vocab, D_MODEL),
         "backbone.norm_f.weight": 1 + 0.3 * torch.randn(D_MODEL)}
    if not tied:
        w["lm_head.weight"] = torch.randn(vocab, D_MODEL)
    for i in range(N_LAYER):
        mixer = {"in_proj.weight": torch.randn(rows, D_MODEL) / D_MODEL ** .5,
                 "conv1d.weight": torch.randn(conv, 1, cfg.get("d_conv", 4)) / 2,
                 "dt_bias": torch.randn(heads) - 1, "A_log": 0.5 * torch.randn(heads),
                 "D": torch.randn(ssm if cfg.get("D_has_hdim") else heads),
                 "out_proj.weight": torch.randn(D_MODEL, inner) / inner ** .5}
        if cfg.get("conv_bias", True):
            mixer["conv1d.bias"] = torch.randn(conv)
        if cfg.get("bias"):
            mixer["in_proj.bias"], mixer["out_proj.bias"] = torch.randn(rows), torch.randn(D_MODEL)
        if cfg.get("rmsnorm", True):
            mixer["norm.weight"] = 1 + 0.3 * torch.randn(ssm)
        w[f"backbone.layers.{i}.norm.weight"] = 1 + 0.3 * torch.randn(D_MODEL)
        w.update({f"backbone.layers.{i}.mixer.{key}": value for key, value in mixer.items()})
    return {key: value.float() for key, value in w.items()}


def rms(x, weight, groups=1):
    parts = x.reshape(*x.shape[:-1], groups, -1)
    parts = parts / (parts.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return parts.reshape(x.shape) * weight


def mixer(cfg, w, x):
    inner, ssm, heads, groups, conv = sizes(cfg)
    state, dim, taps = cfg["d_state"], cfg["headdim"], cfg.get("d_conv", 4)
    low, high = cfg.get("dt_limit", (0.0, math.inf))
    mlp = inner - ssm
    gate0, value0, gate, xbc, dt = torch.split(
        F.linear(x, w["in_proj.weight"], w.get("in_proj.bias")), [mlp, mlp, ssm, conv, heads], -1)
    past = torch.cat([torch.zeros(taps - 1, conv, dtype=x.dtype), xbc])
    S, rows = torch.zeros(heads, dim, state, dtype=x.dtype), []
    for t in range(len(x)):
        taken = (past[t:t + taps] * w["conv1d.weight"][:, 0].T).sum(0) + w.get("conv1d.bias", 0)
        u, B, C = torch.split(F.silu(taken), [ssm, groups * state, groups * state])
        u = u.reshape(heads, dim)
        B, C = (part.reshape(groups, state).repeat_interleave(heads // groups, 0) for part in (B, C))
        step = F.softplus(dt[t] + w["dt_bias"]).clamp(low, high)
        a = torch.exp(-torch.exp(w["A_log"]) * step)
        S = a[:, None, None] * S + (step[:, None] * u)[:, :, None] * B[:, None]
        rows.append(((S * C[:, None]).sum(-1) + w["D"].reshape(heads, -1) * u).reshape(-1))
    y = torch.stack(rows)
    if "norm.weight" not in w:
        y = y * F.silu(gate)
    elif cfg.get("norm_before_gate"):
        y = rms(y, w["norm.weight"], groups) * F.silu(gate)
    else:
        y = rms(y * F.silu(gate), w["norm.weight"], groups)
    return F.linear(torch.cat([F.silu(gate0) * value0, y], -1), w["out_proj.weight"],
                    w.get("out_proj.bias"))


def logits(cfg, w, ids):
    x = w["backbone.embedding.weight"][ids]
    for i in range(N_LAYER):
        prefix = f"backbone.layers.{i}."
        own = {key[len(prefix) + 6:]: value for key, value in w.items()
               if key.startswith(prefix + "mixer.")}
        x = x + mixer(cfg, own, rms(x, w[prefix + "norm.weight"]))
    head = w.get("lm_head.weight", w["backbone.embedding.weight"])
    return rms(x, w["backbone.norm_f.weight"]) @ head.T


def write_case(name, cfg, tied):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.manual_seed(4)
    stored = weights(cfg, tied)
    ids = torch.randint(0, VOCAB, (N_TOKEN,))
    exact = {key: value.double().requires_grad_() for key, value in stored.items()}
    rows = logits(cfg, exact, ids)
    loss = F.cross_entropy(rows[:-1], ids[1:])
    loss.backward()
    renamed = {key.replace("embedding.", "embeddings."): value for key, value in exact.items()}
    gradients = {"grad." + key: value.grad.float() for key, value in renamed.items()}
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    save_file({"input_ids": ids.int(), "logits": rows.detach().float().contiguous(),
               "loss": loss.detach().float().reshape(1), **gradients},
              folder / "expected.safetensors")
    config = dict(d_model=D_MODEL, n_layer=N_LAYER, vocab_size=VOCAB, pad_vocab_size_multiple=16,
                  ssm_cfg=dict(layer="Mamba2", **cfg), rms_norm=True, residual_in_fp32=True,
                  fused_add_norm=True, d_intermediate=0, attn_layer_idx=[], attn_cfg={},
                  tie_embeddings=tied)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def main():
    for number, (name, cfg) in enumerate(CASES.items()):
        write_case(name, cfg, number % 2 == 0)


if __name__ == "__main__":
    main()
