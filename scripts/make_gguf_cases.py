"""Writes tests/data/gguf: what GGUF files of some small checkpoints must hold.

    python scripts/make_gguf_cases.py

Needs gguf, torch, safetensors and transformers. Each folder has expected.gguf, written with the `gguf` package as
classes MambaModel and Mamba2Model of llama.cpp's convert_hf_to_gguf.py do it; its general.name is the input's. The
inputs are checkpoints that other tests read, and `tokens`, which is made here.
"""
import json
import pathlib
import shutil

import gguf
import torch
from make_checkpoint_cases import official_state
from safetensors.torch import load_file, save_file

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"
ROOT = DATA / "gguf"
F32, F16, BF16 = (getattr(gguf.GGMLQuantizationType, name) for name in ("F32", "F16", "BF16"))
FILE_TYPES = {F32: gguf.LlamaFileType.ALL_F32, F16: gguf.LlamaFileType.MOSTLY_F16,
              BF16: gguf.LlamaFileType.MOSTLY_BF16}
ALWAYS_F32 = ("norm.weight", "ssm_conv1d.weight", "ssm_a", "ssm_d", ".bias")


def added(content, id, special=False, normalized=False):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": normalized, "special": special}


def write_tokenizer(folder):
    """All bytes, some merges, and added tokens of every kind."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [byte for byte in range(256) if byte not in own]
    vocab = {chr(byte): byte for byte in own} | {chr(256 + i): b for i, b in enumerate(other)}
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("Ã", "©"), ("Ġ", "Ġ")]
    vocab |= {a + b: 256 + i for i, (a, b) in enumerate(merges)}
    vocab["<|endoftext|>"] = 261
    tokens = [added("<|endoftext|>", 261, special=True), added("  \t", 262, normalized=True),
              added("<|looks|>", 263), added("<mask>", 264), added("<word", 265),
              added("<s>", 266, special=True)]
    part = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
        "normalizer": {"type": "NFC"}, "pre_tokenizer": part, "post_processor": part,
        "decoder": part,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "vocab": vocab, "merges": [" ".join(merge) for merge in merges]}}
    settings = {"bos_token": {"content": "<mask>"}, "eos_token": "<|endoftext|>",
                "add_bos_token": False, "add_eos_token": False, "pad_token": "not there",
                "chat_template": "{{ messages }}\n"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")


def write_tokens_input():
    folder = ROOT / "tokens"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    vocab, d, n, r, conv = 272, 6, 3, 1, 4
    state = official_state(vocab, d, 2 * d, n, r, conv)
    save_file(state, folder / "model.safetensors")
    config = {"d_model": d, "n_layer": 2, "vocab_size": vocab - 4, "rms_norm": True, "pad_token_id": 7,
              "ssm_cfg": {"d_state": n, "d_conv": conv, "dt_rank": r}, "residual_in_fp32": True,
              "fused_add_norm": True, "pad_vocab_size_multiple": 8}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_tokenizer(folder)
    return folder


def is_mamba2(state):
    return "backbone.layers.0.mixer.dt_bias" in state


def add_sizes(writer, config, state, dtype):
    if is_mamba2(state):
        d_inner, d_state = state["backbone.layers.0.mixer.norm.weight"].shape[0], config["state_size"]
    else:
        d_inner, d_state = state["backbone.layers.0.mixer.A_log"].shape
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_context_length(2**20)
    writer.add_embedding_length(state["backbone.norm_f.weight"].shape[0])
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(config.get("n_layer") or config["num_hidden_layers"])
    writer.add_ssm_conv_kernel(state["backbone.layers.0.mixer.conv1d.weight"].shape[2])
    writer.add_ssm_inner_size(d_inner)
    writer.add_ssm_state_size(d_state)
    writer.add_layer_norm_rms_eps(config.get("layer_norm_epsilon", 1e-5))
    if is_mamba2(state):
        writer.add_ssm_time_step_rank(state["backbone.layers.0.mixer.dt_bias"].shape[0])
        writer.add_ssm_group_count(config["n_groups"])
    else:
        writer.add_ssm_time_step_rank(state["backbone.layers.0.mixer.dt_proj.weight"].shape[1])
        writer.add_ssm_dt_b_c_rms(config.get("model_type") == "falcon_mamba")
    writer.add_file_type(FILE_TYPES[dtype])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def looks_special(text):
    return text in ("<pad>", "<mask>") or (text.startswith("<|") and text.endswith("|>"))


def add_vocabulary(writer, folder, n_row):
    if not (folder / "tokenizer.json").exists():
        writer.add_tokenizer_model("none")
        writer.add_vocab_size(n_row)
        return
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    texts = {id: text for text, id in tokenizer["model"]["vocab"].items()}
    extra = {token["id"]: token for token in tokenizer["added_tokens"]}
    texts |= {id: token["content"] for id, token in extra.items()}
    types = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("olmo")
    writer.add_token_list([texts.get(i, f"[PAD{i}]") for i in range(n_row)])
    writer.add_token_types([
        types.UNUSED if i not in texts else types.NORMAL if i not in extra else
        types.CONTROL if extra[i]["special"] or looks_special(texts[i]) else types.USER_DEFINED
        for i in range(n_row)])
    gguf.SpecialVocab(folder, load_merges=True).add_to_gguf(writer, quiet=True)


def add_tensors(writer, config, state, dtype):
    n_layer = config.get("n_layer") or config["num_hidden_layers"]
    arch = gguf.MODEL_ARCH.MAMBA2 if is_mamba2(state) else gguf.MODEL_ARCH.MAMBA
    names = gguf.get_tensor_name_map(arch, n_layer)
    for name, tensor in state.items():
        if is_mamba2(state) and name.endswith((".A_log", ".D")):
            tensor = tensor[:, None]
        if name.endswith("mixer.norm.weight"):
            tensor = tensor.reshape(config["n_groups"], -1)
        name = name.replace(".dt_bias", ".dt_proj.bias")
        new = names.get_name(name, try_suffixes=(".weight", ".bias"))
        tensor = tensor.float()
        if name.endswith("A_log"):
            tensor = -torch.exp(tensor)
        if "conv1d.weight" in name:
            tensor = tensor.squeeze()
        kind = F32 if new.endswith(ALWAYS_F32) else dtype
        writer.add_tensor(new, gguf.quants.quantize(tensor.numpy(), kind), raw_dtype=kind)


def write_case(folder, dtype):
    output = ROOT / folder.name
    output.mkdir(parents=True, exist_ok=True)
    state = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    for layer in range(config.get("n_layer") or config["num_hidden_layers"]):
        place = f"backbone.layers.{layer}.mixer."  # llama.cpp asks for the bias
        state.setdefault(place + "conv1d.bias",
                         torch.zeros(state[place + "conv1d.weight"].shape[0]))
    embedding = next(state[name] for name in state if name.startswith("backbone.embedding"))
    if "lm_head.weight" in state and torch.equal(state["lm_head.weight"], embedding):
        del state["lm_head.weight"]
    writer = gguf.GGUFWriter(output / "expected.gguf", "mamba2" if is_mamba2(state) else "mamba")
    writer.add_name(folder.name)
    add_sizes(writer, config, state, dtype)
    add_vocabulary(writer, folder, embedding.shape[0])
    add_tensors(writer, config, state, dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    write_case(write_tokens_input(), BF16)
    write_case(DATA / "checkpoints" / "falcon-mamba", F16)
    write_case(DATA / "transformers" / "mamba-no-conv-bias", F32)
    write_case(DATA / "transformers" / "mamba2-tied-bf16", BF16)


if __name__ == "__main__":
    main()
    for path in ROOT.glob("*/*"):
        path.chmod(0o644)
