"""Writes tests/data/gguf/types, what reading a GGUF file must give, and seeds of fuzz/corpus/gguf.

    python scripts/make_gguf_reading_cases.py

Needs gguf, torch, transformers and llama-cpp-python.

types: model.gguf, a model each of whose tensors has another type, and logits.json: some ids; the logits
of transformers in double on the weights that `gguf` makes of the file; and those of llama.cpp, which
rounds what it multiplies with quantized weights to 8 bits.
"""
import json
import pathlib

import gguf
import numpy
import torch
from gguf.quants import dequantize, quantize

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "gguf"
TYPES = gguf.GGMLQuantizationType
# Where a block's f16 scales are.
SCALES = {TYPES.Q4_0: [0], TYPES.Q8_0: [0], TYPES.Q4_K: [0, 2], TYPES.Q5_K: [0, 2],
          TYPES.Q6_K: [208]}
D, E, N, R, K, V = 256, 512, 4, 32, 4, 64


def random_blocks(kind, n_weight, random, largest, sign=True):
    """Blocks of any bytes, but for scales of that size."""
    size, n_byte = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (n_weight // size, n_byte), dtype=numpy.uint8)
    for at in SCALES[kind]:
        scales = random.uniform(-largest if sign else 0.3 * largest, largest, len(blocks))
        blocks[:, at:at + 2] = scales.astype("<f2").view(numpy.uint8).reshape(-1, 2)
    return blocks


def add_matrix(writer, tensors, name, shape, kind, random, scale):
    """A matrix of weights about `scale` in size; of K types of random blocks, as `gguf` cannot round to
    them."""
    if kind in (TYPES.Q4_K, TYPES.Q5_K, TYPES.Q6_K):
        steps = {TYPES.Q4_K: 63 * 8, TYPES.Q5_K: 63 * 16, TYPES.Q6_K: 128 * 32}[kind]
        blocks = random_blocks(kind, shape[0] * shape[1], random, 4 * scale / steps, False)
        if kind != TYPES.Q6_K:  # about as much below zero as above
            blocks[:, 2:4] = (blocks[:, :2].view("<f2") * (steps / 63)).view(numpy.uint8)
        data = blocks.reshape(shape[0], -1)
    else:
        data = quantize((scale * random.standard_normal(shape)).astype(numpy.float32), kind)
    writer.add_tensor(name, data, raw_dtype=kind)
    tensors[name] = dequantize(data, kind).reshape(shape)


def add_vector(writer, tensors, name, values):
    values = numpy.ascontiguousarray(values, numpy.float32)
    writer.add_tensor(name, values)
    tensors[name] = values


def write_model(random):
    folder = ROOT / "types"
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(folder / "model.gguf", "mamba")
    writer.add_context_length(2**20)
    writer.add_embedding_length(D)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(1)
    writer.add_ssm_conv_kernel(K)
    writer.add_ssm_inner_size(E)
    writer.add_ssm_state_size(N)
    writer.add_ssm_time_step_rank(R)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("none")
    writer.add_vocab_size(V)
    tensors = {}
    add_matrix(writer, tensors, "token_embd.weight", (V, D), TYPES.Q5_K, random, 1)
    add_matrix(writer, tensors, "output.weight", (V, D), TYPES.BF16, random, D**-0.5)
    add_matrix(writer, tensors, "blk.0.ssm_in.weight", (2 * E, D), TYPES.Q4_K, random, D**-0.5)
    add_matrix(writer, tensors, "blk.0.ssm_x.weight", (R + 2 * N, E), TYPES.Q6_K, random, E**-0.5)
    add_matrix(writer, tensors, "blk.0.ssm_dt.weight", (E, R), TYPES.Q8_0, random, R**-0.5)
    add_matrix(writer, tensors, "blk.0.ssm_out.weight", (D, E), TYPES.Q4_0, random, E**-0.5)
    add_vector(writer, tensors, "output_norm.weight", 1 + 0.1 * random.standard_normal(D))
    add_vector(writer, tensors, "blk.0.attn_norm.weight", 1 + 0.1 * random.standard_normal(D))
    add_vector(writer, tensors, "blk.0.ssm_conv1d.weight", random.uniform(-0.5, 0.5, (E, K)))
    add_vector(writer, tensors, "blk.0.ssm_conv1d.bias", random.uniform(-0.5, 0.5, E))
    add_vector(writer, tensors, "blk.0.ssm_dt.bias", random.uniform(-5, -2, E))
    add_vector(writer, tensors, "blk.0.ssm_a", -numpy.exp(random.uniform(-1, 2, (E, N))))
    add_vector(writer, tensors, "blk.0.ssm_d", random.standard_normal(E))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder, tensors


def transformers_logits(tensors, ids):
    from transformers import MambaConfig, MambaForCausalLM

    names = {"backbone.embeddings.weight": "token_embd.weight", "lm_head.weight": "output.weight",
             "backbone.norm_f.weight": "output_norm.weight"}
    layer = {"norm.weight": "attn_norm.weight", "mixer.in_proj.weight": "ssm_in.weight",
             "mixer.conv1d.weight": "ssm_conv1d.weight", "mixer.conv1d.bias": "ssm_conv1d.bias",
             "mixer.x_proj.weight": "ssm_x.weight", "mixer.dt_proj.weight": "ssm_dt.weight",
             "mixer.dt_proj.bias": "ssm_dt.bias", "mixer.A_log": "ssm_a", "mixer.D": "ssm_d",
             "mixer.out_proj.weight": "ssm_out.weight"}
    names |= {f"backbone.layers.0.{a}": f"blk.0.{b}" for a, b in layer.items()}
    state = {a: torch.tensor(tensors[b]).double() for a, b in names.items()}
    state["backbone.layers.0.mixer.A_log"] = (-state["backbone.layers.0.mixer.A_log"]).log()
    state["backbone.layers.0.mixer.conv1d.weight"].unsqueeze_(1)
    config = MambaConfig(hidden_size=D, intermediate_size=E, state_size=N, time_step_rank=R,
                         conv_kernel=K, vocab_size=V, num_hidden_layers=1, use_bias=False,
                         residual_in_fp32=False, layer_norm_epsilon=1e-5, tie_word_embeddings=False)
    model = MambaForCausalLM(config).double()
    model.load_state_dict(state)
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].numpy()


def llama_logits(path, ids):
    from llama_cpp import Llama

    model = Llama(str(path), n_ctx=len(ids), logits_all=True, verbose=False)
    model.eval(ids)
    return model.scores[:len(ids)]


def write_seed(name, model, tokens, types, keys):
    """A model of 32 channels with a tokenizer; `keys`: what else is in the file, as (method, value)."""
    d, n_token = 32, len(tokens)
    folder = ROOT.parents[2] / "fuzz" / "corpus" / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(2)
    writer = gguf.GGUFWriter(folder / name, "mamba")
    writer.add_embedding_length(d)
    writer.add_block_count(1)
    writer.add_ssm_conv_kernel(2)
    writer.add_ssm_inner_size(2 * d)
    writer.add_ssm_state_size(1)
    writer.add_ssm_time_step_rank(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_array("fuzz.nested", [[1, 2], [3]])
    writer.add_tokenizer_model(model)
    if tokens:
        writer.add_token_list(tokens)
        writer.add_token_types(types)
    for method, value in keys:
        getattr(writer, method)(value)
    tensors, rows = {}, n_token or 16
    add_matrix(writer, tensors, "token_embd.weight", (rows, d), TYPES.Q8_0, random, 1)
    add_matrix(writer, tensors, "blk.0.ssm_in.weight", (4 * d, d), TYPES.Q4_0, random, 1)
    add_matrix(writer, tensors, "blk.0.ssm_x.weight", (3, 2 * d), TYPES.F16, random, 1)
    add_matrix(writer, tensors, "blk.0.ssm_dt.weight", (2 * d, 1), TYPES.F32, random, 1)
    add_matrix(writer, tensors, "blk.0.ssm_out.weight", (d, 2 * d), TYPES.BF16, random, 1)
    for vector, n in (("output_norm.weight", d), ("blk.0.attn_norm.weight", d),
                      ("blk.0.ssm_conv1d.bias", 2 * d), ("blk.0.ssm_dt.bias", 2 * d),
                      ("blk.0.ssm_d", 2 * d)):
        add_vector(writer, tensors, vector, random.standard_normal(n))
    add_vector(writer, tensors, "blk.0.ssm_conv1d.weight", random.standard_normal((2 * d, 2)))
    add_vector(writer, tensors, "blk.0.ssm_a", -numpy.ones((2 * d, 1)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_seeds():
    normal, unknown, control, user, unused, byte = 1, 2, 3, 4, 5, 6
    letters = [chr(c) for c in range(33, 127)] + ["Ġ", "Ġa", "<|endoftext|>", "[X]", "[PAD]"]
    types = [normal] * 96 + [control, user, unused]
    for pre in ("olmo", "llama-bpe", "falcon", None):
        keys = [("add_token_merges", ["Ġ a"]), ("add_eos_token_id", 96), ("add_bos_token_id", 96)]
        keys += [("add_tokenizer_pre", pre)] if pre else []
        keys += [("add_chat_template", [{"name": "default", "template": "{{ a }}"},
                                        {"name": "b", "template": "{{ c }}"}])]
        write_seed(pre or "no_pre", "gpt2", letters, types, keys)
    pieces = ["<unk>", "<s>", "</s>", "[X]"] + [f"<0x{b:02X}>" for b in range(256)]
    pieces += ["▁", "a", "b", "▁a", "ab"]
    types = [unknown, control, control, user] + [byte] * 256 + [normal] * 5
    scores = [0.0] * 4 + [-1e9] * 256 + [-float(i) for i in range(5)]
    write_seed("pieces", "llama", pieces, types, [
        ("add_token_scores", scores), ("add_bos_token_id", 1), ("add_eos_token_id", 2),
        ("add_unk_token_id", 0), ("add_add_space_prefix", True)])
    write_seed("no_tokenizer", "none", [], [], [("add_custom_alignment", 64)])


def main():
    write_seeds()
    random = numpy.random.default_rng(1)
    folder, tensors = write_model(random)
    ids = [int(id) for id in random.integers(0, V, 24)]
    ours, theirs = transformers_logits(tensors, ids), llama_logits(folder / "model.gguf", ids)
    print("llama.cpp is off by", numpy.abs(ours - theirs).max(), "where logits spread by", ours.std())
    rows = [0, 7, 23]
    case = {"ids": ids, "rows": rows,
            "transformers": [[float(f"{x:.7g}") for x in ours[row]] for row in rows],
            "llama_cpp": [[float(f"{x:.7g}") for x in theirs[row]] for row in rows]}
    (folder / "logits.json").write_text(json.dumps(case) + "\n")


if __name__ == "__main__":
    main()
