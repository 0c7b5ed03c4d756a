"""Writes tests/data/training: texts, and the losses and gradient norms of the official training loop
over them.

    python scripts/make_training_cases.py OFFICIAL_FOLDER

Needs torch, einops and numpy, and the official code (https://github.com/assafbk/DeciMamba). Its model
and its chunk_train_sequence are imported from there; of its kernels for GPUs the scan is its own
selective_scan_ref, and convolution and norm are written out below. A step is its loop: of each
sequence, and of each pass over it, the mean loss of the labels divided by their number, backward;
then a clip to a norm of 1 and AdamW. `labels` is ours: the same losses, averaged over all labels.
All in float32.
"""
import json
import pathlib
import shutil
import sys
import types
from unittest.mock import MagicMock

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/data/training"
MODEL = ROOT / "tests/data/golden/tiny-a"
N_STEP, RATE = 3, 1e-3
DECIMATION = dict(activate=True, record_debug_params=False, type="max_p", decimating_layers=[1, 2],
                  L_base=40, beta=0.5, min_seq_len=20)
FLAGS = "--layers 1,2 --base-length 40"


class RMSNorm(torch.nn.Module):
    def __init__(self, size, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.weight, self.eps = torch.nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


def causal_conv1d(x, weight, bias, activation):
    n = x.shape[-1]
    return F.silu(F.conv1d(F.pad(x, (weight.shape[1] - 1, 0)), weight[:, None], bias,
                           groups=x.shape[1]))[..., :n]


def official(folder):
    """The official model class and chunk_train_sequence."""
    sys.path.insert(0, folder)
    unused = ("causal_conv1d_cuda", "selective_scan_cuda", "matplotlib", "matplotlib.pyplot",
              "transformers", "transformers.generation", "transformers.utils",
              "transformers.utils.hub", "wandb", "tqdm", "pandas", "datasets", "datasets.utils",
              "datasets.utils.file_utils", "tabulate", "submodules", "submodules.babilong",
              "submodules.babilong.babilong_utils", "evaluate", "utils")
    for name in unused:
        sys.modules[name] = MagicMock()
    sys.modules["utils"].__all__ = []
    conv = types.ModuleType("causal_conv1d")
    conv.causal_conv1d_fn, conv.causal_conv1d_update = causal_conv1d, None
    norm = types.ModuleType("mamba_ssm.ops.triton.layernorm")
    norm.RMSNorm, norm.layer_norm_fn, norm.rms_norm_fn = RMSNorm, None, None
    state = types.ModuleType("mamba_ssm.ops.triton.selective_state_update")
    state.selective_state_update = None
    for module in (conv, norm, state, types.ModuleType("mamba_ssm.ops.triton")):
        sys.modules[module.__name__] = module
    from mamba_ssm.models import config_mamba, mixer_seq_simple
    from mamba_ssm.modules import mamba_simple
    from mamba_ssm.ops.selective_scan_interface import selective_scan_ref
    import finetune_ssm
    for name in unused:
        del sys.modules[name]
    mamba_simple.selective_scan_fn = selective_scan_ref

    def make():
        config = json.loads((MODEL / "config.json").read_text())
        config["fused_add_norm"] = False
        model = mixer_seq_simple.DecimatingMambaModel(
            config_mamba.MambaConfig(**config), decimation_config=DECIMATION)
        model.load_state_dict(torch.load(MODEL / "pytorch_model.bin", weights_only=True))
        for layer in model.backbone.layers:
            layer.mixer.use_fast_path = False  # the same, in a kernel for GPUs
        return model

    return make, finetune_ssm.chunk_train_sequence


def losses_of(model, sequences, chunk, n_chunk):
    """Of each pass: the labels' summed loss, and their number."""
    config = {"dataset": "ppl_test" if n_chunk else "lines", "deci_num_chunks": n_chunk or 1}
    for ids, labels in sequences:
        for i in range(n_chunk or 1):
            read, wanted, n_label = chunk(i, ids[None], labels, config)
            out, _ = model(input_ids=read, num_last_tokens=n_label + 1)
            yield F.cross_entropy(out.logits[0, :-1], wanted, reduction="sum"), n_label


def train(model, sequences, chunk, n_chunk, average):
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.1)
    losses, norms = [], []
    for _ in range(N_STEP):
        optimizer.zero_grad()
        passes = list(losses_of(model, sequences, chunk, n_chunk))
        if average == "sequences":
            loss = sum(total / n for total, n in passes) / len(passes)
        else:
            loss = sum(total for total, _ in passes) / sum(n for _, n in passes)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def write_data():
    """Ids are bytes, and the model knows 96: capitals. Gives the sequences of each kind."""
    book = (ROOT / "data/books/26239.txt").read_text(encoding="utf-8").upper()
    book = "".join(c for c in book if c == "\n" or " " <= c <= "_")[2000:]
    shutil.rmtree(OUT / "ragged", ignore_errors=True)
    (OUT / "ragged").mkdir(parents=True)

    def text(ids):
        ids = torch.tensor(list(ids.encode()))
        return ids, ids[1:]

    n = 203
    (OUT / "even.txt").write_text(book[:3 * (n - 1) + 1])
    even = [text(book[i * (n - 1):][:n]) for i in range(3)]
    ragged = []
    for i, length in enumerate((203, 131, 90)):
        piece = book[1000 * (i + 1):][:length]
        (OUT / f"ragged/{i}.txt").write_text(piece)
        ragged.append(text(piece))
    lines, rows = [], []
    for i, n_label in enumerate((1, 3, 8, 20)):
        whole = book[5000 + 200 * i:][:120]
        rows.append({"prompt": whole[:-n_label], "completion": whole[-n_label:]})
        lines.append((text(whole)[0], text(whole)[0][-n_label:]))
    (OUT / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return even, ragged, lines


def main():
    torch.set_num_threads(1)
    make, chunk = official(sys.argv[1])
    even, ragged, lines = write_data()
    text, folder, prompts = "--text even.txt", "--text ragged", "--jsonl lines.jsonl"
    cases = [
        (text + " --chunks 1 --batch-tokens 609", even, 1, "sequences"),
        (text + " --chunks 2 --batch-tokens 304 --accumulate 3", even, 2, "sequences"),
        (text + " --chunks 4 --batch-tokens 1518", even, 4, "sequences"),
        (text + " --chunks 4 --batch-tokens 506 --accumulate 3", even, 4, "sequences"),
        (text + " --chunks 4 --batch-tokens 203 --accumulate 9", even, 4, "sequences"),
        (folder + " --chunks 1 --batch-tokens 424", ragged, 1, "sequences"),
        (folder + " --chunks 2 --batch-tokens 635", ragged, 2, "sequences"),
        (folder + " --chunks 4 --batch-tokens 1056", ragged, 4, "sequences"),
        (folder + " --chunks 4 --average labels --batch-tokens 1056", ragged, 4, "labels"),
        (prompts + " --average sequences --batch-tokens 480", lines, 0, "sequences"),
        (prompts + " --average sequences --batch-tokens 240 --accumulate 2", lines, 0,
         "sequences"),
        (prompts + " --average labels --batch-tokens 480", lines, 0, "labels"),
        (prompts + " --batch-tokens 240 --accumulate 2", lines, 0, "labels"),
    ]
    found = {}
    with open(OUT / "cases.tsv", "w") as out:
        for flags, sequences, n_chunk, average in cases:
            what = id(sequences), n_chunk, average  # however it is cut into batches
            if what not in found:
                found[what] = train(make(), sequences, chunk, n_chunk, average)
            print(f"{flags} --length 203 {FLAGS}",
                  *(" ".join(f"{x:.7g}" for x in row) for row in found[what]), sep="\t", file=out,
                  flush=True)


if __name__ == "__main__":
    main()
