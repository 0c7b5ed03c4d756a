"""Writes tests/data/methods: logits that transformers computes where Delta of each layer is scaled.

    python scripts/make_method_cases.py

Needs torch, safetensors and transformers. For checkpoints of tests/data/transformers, NAME.safetensors
has input_ids [n] (int32), scale [n_layer], logits [n, vocab] of a reading with
Delta = scale[layer] * softplus(...), `stepped` [n_step, vocab], the logits after each of the last n_step
tokens where these are generated with Delta as it is, the mean `loss` of predicting every token but
the first with scaled Delta, and its gradient `grad.NAME`; float32.
"""
import pathlib

import torch
import transformers
from safetensors.torch import save_file

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
NAMES = ["mamba-biases", "falcon-mamba"]
N_TOKEN, N_STEP = 50, 6

scales, active, current = [0.7, 1.25, 0.9], True, 0
softplus = torch.nn.functional.softplus


def scaled_softplus(*arguments, **options):
    step = softplus(*arguments, **options)
    return step * scales[current] if active else step


def enter(number):
    def hook(*_):
        global current
        current = number
    return hook


def run(model, ids, cache=None):
    result = model(ids, use_cache=True, cache_params=cache)
    return result.logits[0].float(), result.cache_params


def write_case(name):
    global active
    model = transformers.AutoModelForCausalLM.from_pretrained(
        DATA / "transformers" / name, dtype=torch.float32).eval()
    for number, layer in enumerate(model.backbone.layers):
        layer.mixer.register_forward_pre_hook(enter(number))
    torch.manual_seed(12)
    ids = torch.randint(0, model.config.vocab_size, (1, N_TOKEN))
    active = True
    logits = model(ids, use_cache=False).logits[0].float()
    loss = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:])
    loss.backward()
    gradients = {"grad." + key: weight.grad.contiguous() for key, weight in model.named_parameters()}
    with torch.no_grad():
        _, cache = run(model, ids[:, :N_TOKEN - N_STEP])
        active = False
        stepped = []
        for t in range(N_TOKEN - N_STEP, N_TOKEN):
            row, cache = run(model, ids[:, t:t + 1], cache)
            stepped.append(row[-1])
        active = True
        _, cache = run(model, ids[:, :N_TOKEN - 1])
        again, _ = run(model, ids[:, N_TOKEN - 1:], cache)
    assert torch.allclose(again[-1], logits[-1], atol=1e-4), "a step is not a reading"
    (DATA / "methods").mkdir(exist_ok=True)
    save_file({"input_ids": ids[0].int(), "scale": torch.tensor(scales, dtype=torch.float64),
               "logits": logits.detach().contiguous(), "stepped": torch.stack(stepped).contiguous(),
               "loss": loss.detach().reshape(1), **gradients},
              DATA / "methods" / f"{name}.safetensors")
    active = False
    print(name, float((model(ids, use_cache=False).logits[0] - logits).abs().max()))


def main():
    torch.nn.functional.softplus = scaled_softplus
    for name in NAMES:
        write_case(name)


if __name__ == "__main__":
    main()
