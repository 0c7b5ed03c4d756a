"""Writes tests/data/peft: LoRA adapters of checkpoints in tests/data/transformers, as PEFT saves
them, and the logits of the merged models.

    python scripts/make_adapter_cases.py

Needs peft, torch, safetensors and transformers. Each folder has adapter_config.json, whose
base_model_name_or_path is the base's name alone, adapter_model.safetensors or adapter_model.bin, and
expected.safetensors: input_ids [n] (int32), and logits [n, vocab] of what merge_and_unload gives, in
float32.
"""
import json
import pathlib
import shutil

import peft
import torch
import transformers
from safetensors.torch import save_file

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
ROOT = DATA / "peft"
N_TOKEN = 40


def write_case(name, base, safe=True, **settings):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(13)
    model = transformers.AutoModelForCausalLM.from_pretrained(DATA / "transformers" / base,
                                                              dtype=torch.float32)
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
    with torch.no_grad():
        for weight in adapted.parameters():
            if weight.requires_grad:  # off the initial values
                weight += 0.1 * torch.randn_like(weight)
    adapted.save_pretrained(folder, safe_serialization=safe)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text()) | {"base_model_name_or_path": base}
    path.write_text(json.dumps(config, indent=1) + "\n")
    ids = torch.randint(0, model.config.vocab_size, (1, N_TOKEN))
    with torch.no_grad():
        logits = adapted.merge_and_unload()(ids, use_cache=False).logits[0]
    save_file({"input_ids": ids[0].int(), "logits": logits.contiguous()},
              folder / "expected.safetensors")


def main():
    write_case("projections", "mamba-tied-bf16", r=4, lora_alpha=16,
               target_modules=["in_proj", "x_proj"])
    write_case("everything", "falcon-mamba", r=4, use_rslora=True, bias="all",
               rank_pattern={"layers.1.mixer.in_proj": 2},
               target_modules=["in_proj", "x_proj", "dt_proj", "embeddings", "lm_head"])
    write_case("another-head", "mamba-tied-bf16", safe=False, r=2, target_modules=["in_proj"],
               modules_to_save=["lm_head"])


if __name__ == "__main__":
    main()
