"""Writes tests/data/carry: losses and gradients of texts that start from another text's last state.

    python scripts/make_carry_cases.py

Needs torch, safetensors and transformers. The models are those of tests/data/transformers. A case is
a file: `first` and `second` (int32) tokens, the mean `loss` of predicting every token of `second` but
its first, from the state that `first` left, and its gradient `grad.NAME`. No gradient passes through
that state. Both are computed in float64 by the plain recurrence below, which gives the logits of
transformers' models: for a whole text at once, and one by one with their cache.
"""
import pathlib

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy, silu, softplus

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
CASES = ["mamba-biases", "mamba-no-conv-bias", "mamba2-tied-bf16", "mamba2-groups"]
N_FIRST = 40  # tokens, of 70


def convolve(mixer, x, rows):
    """The causal convolution of x [n, channels] after `rows`, and the rows that it leaves."""
    weight = mixer.conv1d.weight[:, 0].T
    x = torch.cat([rows, x])
    n = x.shape[0] - weight.shape[0] + 1
    y = sum(weight[k] * x[k:k + n] for k in range(weight.shape[0]))
    if mixer.conv1d.bias is not None:
        y = y + mixer.conv1d.bias
    return silu(y), x[n:]


def scan(h, decay, added, C, read):
    """h = decay h + added, token by token; y = read(h, C)."""
    y = []
    for t in range(decay.shape[0]):
        h = decay[t] * h + added[t]
        y.append(read(h, C[t]))
    return torch.stack(y), h


def mamba(mixer, x, rows, h):
    R, N = mixer.time_step_rank, mixer.ssm_state_size
    x, z = mixer.in_proj(x).chunk(2, -1)
    u, rows = convolve(mixer, x, rows)
    dt, B, C = mixer.x_proj(u).split([R, N, N], -1)
    delta = softplus(mixer.dt_proj(dt))
    decay = torch.exp(delta[:, :, None] * -torch.exp(mixer.A_log))
    y, h = scan(h, decay, (delta * u)[:, :, None] * B[:, None], C, lambda h, C: h @ C)
    return mixer.out_proj((y + mixer.D * u) * silu(z)), rows, h


def mamba2(mixer, x, rows, h):
    H, P, G, N = mixer.num_heads, mixer.head_dim, mixer.n_groups, mixer.ssm_state_size
    z, xBC, dt = mixer.in_proj(x).split([H * P, H * P + 2 * G * N, H], -1)
    xBC, rows = convolve(mixer, xBC, rows)
    u, B, C = xBC.split([H * P, G * N, G * N], -1)
    u = u.reshape(-1, H, P)
    B, C = (v.reshape(-1, G, N).repeat_interleave(H // G, 1) for v in (B, C))
    delta = softplus(dt + mixer.dt_bias).clamp(*mixer.time_step_limit)
    decay = torch.exp(delta * -torch.exp(mixer.A_log))[:, :, None, None]
    added = (delta[:, :, None] * u)[:, :, :, None] * B[:, :, None]
    y, h = scan(h, decay, added, C, lambda h, C: (h * C[:, None]).sum(-1))
    y = (y + mixer.D[:, None] * u).reshape(-1, H * P)
    return mixer.out_proj(mixer.norm(y, z)), rows, h


def zeros(model):
    states = []
    for block in model.backbone.layers:
        mixer = block.mixer
        K = mixer.conv1d.weight.shape[2] - 1
        if isinstance(model, transformers.Mamba2ForCausalLM):
            shape = mixer.num_heads, mixer.head_dim, mixer.ssm_state_size
        else:
            shape = mixer.intermediate_size, mixer.ssm_state_size
        states.append((torch.zeros(K, mixer.conv1d.weight.shape[0], dtype=torch.float64),
                       torch.zeros(shape, dtype=torch.float64)))
    return states


def run(model, ids, states):
    layer = mamba2 if isinstance(model, transformers.Mamba2ForCausalLM) else mamba
    x, left = model.backbone.embeddings(ids), []
    for block, (rows, h) in zip(model.backbone.layers, states):
        y, rows, h = layer(block.mixer, block.norm(x), rows, h)
        x = x + y
        left.append((rows.detach(), h.detach()))
    return model.lm_head(model.backbone.norm_f(x)), left


def check(model, ids):
    """The recurrence against transformers, at once and step by step."""
    with torch.no_grad():
        ours, _ = run(model, ids, zeros(model))
        theirs = model(ids[None], use_cache=False).logits[0]
        first, states = run(model, ids[:N_FIRST], zeros(model))
        second, _ = run(model, ids[N_FIRST:], states)
        out, rows = model(ids[None, :N_FIRST], use_cache=True), []
        for t in range(N_FIRST, len(ids)):
            out = model(ids[None, t:t + 1], cache=out.cache, use_cache=True)
            rows.append(out.logits[0, -1])
    worst = [(ours - theirs).abs().max(), (torch.cat([first, second]) - ours).abs().max(),
             (second - torch.stack(rows)).abs().max()]
    print("  %.1e from transformers at once, %.1e from one text, %.1e from transformers' cache"
          % tuple(worst))
    assert max(worst) < 1e-4, worst


def write_case(name):
    folder = DATA / "transformers" / name
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = model.double().eval()
    with safe_open(folder / "expected.safetensors", "pt") as file:
        ids = file.get_tensor("input_ids").long()
    print(name)
    check(model, ids)
    first, second = ids[:N_FIRST], ids[N_FIRST:]
    _, states = run(model, first, zeros(model))
    logits, _ = run(model, second, states)
    loss = cross_entropy(logits[:-1], second[1:])
    loss.backward()
    gradients = {"grad." + key: value.grad.float() for key, value in model.named_parameters()}
    save_file({"first": first.int(), "second": second.int(), "loss": loss.detach().float().reshape(1),
               **gradients}, DATA / "carry" / (name + ".safetensors"))


if __name__ == "__main__":
    (DATA / "carry").mkdir(exist_ok=True)
    for case in CASES:
        write_case(case)
