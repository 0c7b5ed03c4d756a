"""Writes tests/data/checkpoints: small checkpoints of every kind, and what they should read as.

    python scripts/make_checkpoint_cases.py

Needs torch, safetensors and transformers. The same bytes each time, on one version of them.
Beside each checkpoint, expected.txt has a line per weight, in no order:
    name dtype number-of-elements first last sum
with the numbers as hexadecimal floats; the sum is taken in float64, element by element.
"""
import json
import pathlib
import pickle
import shutil
import zipfile

import torch
import transformers
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "checkpoints"
DTYPES = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}
SIZES = dict(vocab_size=16, hidden_size=8, state_size=4, num_hidden_layers=2, conv_kernel=3,
             time_step_rank=2, pad_token_id=0, bos_token_id=1, eos_token_id=2)


def fresh(name):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    return folder


def write_expected(folder, state):
    lines = []
    for name, tensor in state.items():
        values = [float(v) for v in tensor.flatten().tolist()]
        total = 0.0
        for value in values:
            total += value
        lines.append(f"{name} {DTYPES[tensor.dtype]} {len(values)} {values[0].hex()} "
                     f"{values[-1].hex()} {total.hex()}")
    (folder / "expected.txt").write_text("\n".join(sorted(lines)) + "\n")


def distinct_weights(model, dtype):
    """The model's weights, every one of them moved off its initial value."""
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return {name: weight.detach().to(dtype).contiguous()
            for name, weight in model.named_parameters()}


def write_config(folder, config, **changes):
    values = {**config.to_dict(), **changes}
    values = {key: value for key, value in values.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(values, indent=1, default=str) + "\n")


def mamba_sharded():
    """transformers' Mamba: tied, bf16, two shards; config.json does not say use_bias."""
    config = transformers.MambaConfig(expand=2, **SIZES)
    config.intermediate_size = 16
    folder = fresh("mamba-sharded")
    state = distinct_weights(transformers.MambaForCausalLM(config), torch.bfloat16)
    names = sorted(state)
    shards = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, members in shards.items():
        save_file({name: state[name] for name in members}, folder / file, {"format": "pt"})
    index = {"metadata": {"total_size": sum(2 * t.numel() for t in state.values())},
             "weight_map": {name: file for file, members in shards.items() for name in members}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    write_config(folder, config, architectures=["MambaForCausalLM"], use_bias=...)
    write_expected(folder, state)


def falcon():
    """falcon_mamba: a head of its own, bf16, a wrong "expand" beside the right width."""
    config = transformers.FalconMambaConfig(expand=2, tie_word_embeddings=False,
                                            mixer_rms_eps=1e-5, **SIZES)
    config.intermediate_size = 16
    folder = fresh("falcon-mamba")
    state = distinct_weights(transformers.FalconMambaForCausalLM(config), torch.bfloat16)
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    write_config(folder, config, architectures=["FalconMambaForCausalLM"], expand=16)
    write_expected(folder, state)


def mamba_biases():
    """transformers' Mamba with biases on the projections, f16; config.json says tied, but the file
    has another head."""
    config = transformers.MambaConfig(expand=2, use_bias=True, **SIZES)
    config.intermediate_size = 16
    folder = fresh("mamba-biases-f16")
    state = distinct_weights(transformers.MambaForCausalLM(config), torch.float16)
    state["lm_head.weight"] = state["backbone.embeddings.weight"] * 2
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    write_config(folder, config, architectures=["MambaForCausalLM"])
    write_expected(folder, state)


def official_state(vocab=16, d=8, e=16, n=4, r=2, conv=3):
    torch.manual_seed(3)
    state = {"backbone.embedding.weight": torch.randn(vocab, d)}
    for layer in range(2):
        head = f"backbone.layers.{layer}."
        state |= {
            head + "norm.weight": torch.randn(d),
            head + "mixer.in_proj.weight": torch.randn(2 * e, d),
            head + "mixer.conv1d.weight": torch.randn(e, 1, conv),
            head + "mixer.conv1d.bias": torch.randn(e),
            head + "mixer.x_proj.weight": torch.randn(r + 2 * n, e),
            head + "mixer.dt_proj.weight": torch.randn(e, r),
            head + "mixer.dt_proj.bias": torch.randn(e),
            head + "mixer.A_log": torch.randn(e, n),
            head + "mixer.D": torch.randn(e),
            head + "mixer.out_proj.weight": torch.randn(d, e),
        }
    state["backbone.norm_f.weight"] = torch.randn(d)
    return state


def write_official_config(folder):
    config = {"d_model": 8, "n_layer": 2, "vocab_size": 13, "rms_norm": True,
              "ssm_cfg": {"d_state": 4, "d_conv": 3, "dt_rank": 2}, "residual_in_fp32": True,
              "fused_add_norm": True, "pad_vocab_size_multiple": 8}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def official_bins():
    """The same weights, three times: as they come; as views into few storages with offsets and
    strides, in an OrderedDict with _metadata; and that again in a compressed zip."""
    state = official_state()
    plain = fresh("official-safetensors")
    save_file(state, plain / "model.safetensors")
    write_official_config(plain)
    write_expected(plain, state)

    folder = fresh("official-strided-bin")
    views = torch.nn.Module().state_dict()
    pool = torch.zeros(256)
    place = 5
    for name, tensor in state.items():
        if tensor.dim() == 2 and "proj" in name:  # stored transposed
            view = tensor.t().contiguous().t()
        elif tensor.dim() == 2:  # every third column of a wider matrix
            view = torch.zeros(tensor.shape[0], 3 * tensor.shape[1])[:, 1::3]
            view.copy_(tensor)
        else:  # a piece of the shared pool
            view = pool[place:place + tensor.numel()].view(tensor.shape)
            view.copy_(tensor)
            place += tensor.numel()
        assert torch.equal(view, tensor)
        views[name] = view
    views["lm_head.weight"] = views["backbone.embedding.weight"]
    torch.save(views, folder / "pytorch_model.bin")
    write_official_config(folder)
    write_expected(folder, state)

    packed = fresh("official-compressed-bin")
    with zipfile.ZipFile(folder / "pytorch_model.bin") as old, \
            zipfile.ZipFile(packed / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            copy = zipfile.ZipInfo(entry.filename)
            copy.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(copy, old.read(entry))
    write_official_config(packed)
    write_expected(packed, state)


def parameter_shards():
    """The official weights once more: Parameters, some with attributes as state-spaces' Mamba hangs
    on them, in two files of torch.save and an index."""
    folder = fresh("official-parameter-shards")
    state = {name: torch.nn.Parameter(tensor) for name, tensor in official_state().items()}
    for name, weight in state.items():
        if name.endswith(("A_log", ".D")):
            weight._no_weight_decay = True
    names = list(state)
    shards = {f"pytorch_model-0000{i + 1}-of-00002.bin": names[i::2] for i in range(2)}
    for file, members in shards.items():
        torch.save({name: state[name] for name in members}, folder / file)
    index = {"metadata": {"total_size": sum(4 * t.numel() for t in state.values())},
             "weight_map": {name: file for file, members in shards.items() for name in members}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")
    write_official_config(folder)
    write_expected(folder, official_state())


class Call:
    def __reduce__(self):
        import os
        return os.system, ("true",)


def refused():
    """Files of PyTorch that must be refused."""
    folder = fresh("refused-call")
    torch.save({"backbone.embedding.weight": Call()}, folder / "pytorch_model.bin")
    write_official_config(folder)
    folder = fresh("refused-legacy")
    (folder / "pytorch_model.bin").write_bytes(  # how files began before PyTorch 1.6
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2))
    write_official_config(folder)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    mamba_sharded()
    falcon()
    mamba_biases()
    official_bins()
    parameter_shards()
    refused()
    for path in ROOT.glob("*/*"):
        path.chmod(0o644)
