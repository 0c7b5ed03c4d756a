"""Writes tests/data/transformers: tiny checkpoints, and the logits that transformers computes.

    python scripts/make_transformers_cases.py

Needs torch, safetensors and transformers. Each folder has config.json, model.safetensors and
expected.safetensors: input_ids [n] (int32), logits [n, vocab], the mean `loss` of predicting every
token but the first, and its gradient `grad.NAME`, computed in float32 on the weights as they are
stored; of Mamba-2 also step_logits [12, vocab], of the last tokens one by one after those before.
"""
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "transformers"
SIZES = dict(vocab_size=50, hidden_size=20, state_size=6, num_hidden_layers=3, conv_kernel=4,
             time_step_rank=3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
N_TOKEN, N_STEP = 70, 12


def write_case(name, config, model_class, dtype):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch.manual_seed(11)
    model = model_class(config).eval()
    with torch.no_grad():
        for weight in model.parameters():  # off the initial values, and rounded as stored
            weight += 0.1 * torch.randn_like(weight)
            weight.copy_(weight.to(dtype).float())
        ids = torch.randint(0, config.vocab_size, (1, N_TOKEN))
    logits = model(ids, use_cache=False).logits[0].float()
    steps = {}
    if isinstance(model, transformers.Mamba2ForCausalLM):  # the last tokens one by one, with a cache
        with torch.no_grad():
            out = model(ids[:, :-N_STEP], use_cache=True)
            rows = []
            for t in range(N_TOKEN - N_STEP, N_TOKEN):
                out = model(ids[:, t:t + 1], cache=out.cache, use_cache=True)
                rows.append(out.logits[0, -1].float())
        steps = {"step_logits": torch.stack(rows)}
    loss = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:])
    loss.backward()
    gradients = {"grad." + key: weight.grad for key, weight in model.named_parameters()}
    state = {key: weight.detach().to(dtype).contiguous()
             for key, weight in model.named_parameters()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    save_file({"input_ids": ids[0].int(), "logits": logits.detach().contiguous(),
               "loss": loss.detach().reshape(1), **gradients, **steps}, folder / "expected.safetensors")
    config.architectures = [model_class.__name__]
    config.dtype = dtype
    (folder / "config.json").write_text(json.dumps(config.to_dict(), indent=1, default=str) + "\n")


def write_mamba2_cases():
    sizes = {key: value for key, value in SIZES.items() if key != "time_step_rank"}
    plain = transformers.Mamba2Config(num_heads=5, head_dim=8, n_groups=1, chunk_size=16,
                                      tie_word_embeddings=True, **sizes)
    groups = transformers.Mamba2Config(num_heads=10, head_dim=4, n_groups=5, chunk_size=32,
                                       use_bias=True, **sizes)
    limits = transformers.Mamba2Config(num_heads=4, head_dim=10, n_groups=2, use_conv_bias=False,
                                       layer_norm_epsilon=1e-3, time_step_limit=(0.3, 2.0), **sizes)
    write_case("mamba2-tied-bf16", plain, transformers.Mamba2ForCausalLM, torch.bfloat16)
    write_case("mamba2-groups", groups, transformers.Mamba2ForCausalLM, torch.float32)
    write_case("mamba2-limits", limits, transformers.Mamba2ForCausalLM, torch.float32)


def main():
    mamba, falcon = transformers.MambaForCausalLM, transformers.FalconMambaForCausalLM
    tied = transformers.MambaConfig(expand=2, tie_word_embeddings=True, **SIZES)
    biases = transformers.MambaConfig(expand=2, use_bias=True, tie_word_embeddings=False, **SIZES)
    unbiased = transformers.MambaConfig(expand=2, use_conv_bias=False, **SIZES)
    norms = transformers.FalconMambaConfig(expand=2, tie_word_embeddings=False, **SIZES)
    write_case("mamba-tied-bf16", tied, mamba, torch.bfloat16)
    write_case("mamba-biases", biases, mamba, torch.float32)
    write_case("mamba-no-conv-bias", unbiased, mamba, torch.float16)
    write_case("falcon-mamba-bf16", norms, falcon, torch.bfloat16)
    write_case("falcon-mamba", norms, falcon, torch.float32)
    write_mamba2_cases()


if __name__ == "__main__":
    main()
