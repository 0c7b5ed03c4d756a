/* Tokenizers, decoders and samplers. */
#include "memory_case.h"

static const char text[] = "A caf\xc3\xa9, e\xcc\x81:  12 <s>naive</s>\n\t\xf0\x9f\xa6\x86 'll";

static void load_tokenizer(struct scene *scene) {
    dm_error error;
    require(dm_tokenizer_load(test_data("tokenizer/odd"), &scene->tokenizer, &error), &error);
}

/* ---- dm_tokenizer_* ---- */

static dm_status act_load(struct scene *scene, dm_error *error) {
    return dm_tokenizer_load(test_data("tokenizer/odd"), &scene->out.tokenizer, error);
}

static dm_status act_load_gguf(struct scene *scene, dm_error *error) {
    return dm_tokenizer_load(test_source("fuzz/corpus/gguf/llama-bpe"), &scene->out.tokenizer,
                             error);
}

static dm_status act_load_pieces(struct scene *scene, dm_error *error) {
    return dm_tokenizer_load(test_source("fuzz/corpus/gguf/pieces"), &scene->out.tokenizer, error);
}

static void digest_encoding(const dm_tokenizer *tokenizer, uint64_t *digest) {
    int32_t *ids;
    size_t n_id;
    dm_error error;
    require(dm_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids, &n_id, &error), &error);
    digest_bytes(digest, ids, n_id * sizeof *ids);
    dm_free(ids);
}

static void use_load(struct scene *scene, uint64_t *digest) {
    digest_encoding(scene->out.tokenizer, digest);
    dm_tokenizer_free(scene->out.tokenizer);
}

static dm_status act_encode(struct scene *scene, dm_error *error) {
    return dm_tokenizer_encode(scene->tokenizer, text, sizeof text - 1, &scene->out.ids,
                               &scene->out.n, error);
}

static void use_encode(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.ids, scene->out.n * sizeof *scene->out.ids);
    digest_encoding(scene->tokenizer, digest);
    dm_free(scene->out.ids);
}

static const int32_t some_ids[] = {0, 5, 9, 3, 3, 7, 1, 12, 2};
enum { n_some = sizeof some_ids / sizeof *some_ids };

static dm_status act_decode(struct scene *scene, dm_error *error) {
    return dm_tokenizer_decode(scene->tokenizer, some_ids, n_some, 1, &scene->out.text,
                               &scene->out.n, error);
}

static void use_decode(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.text, scene->out.n + 1);
    dm_free(scene->out.text);
}

/* ---- dm_chat_template_* ---- */

static void load_chat(struct scene *scene) {
    dm_error error;
    require(dm_chat_template_load(test_data("chat/model"), &scene->chat, &error), &error);
}

static const dm_chat_message some_messages[] = {
    {"system", " Be brief. "}, {"user", "caf\xc3\xa9?"}, {"assistant", "yes"}, {"user", "Go."}};
enum { n_message = sizeof some_messages / sizeof *some_messages };

static dm_status act_load_chat(struct scene *scene, dm_error *error) {
    return dm_chat_template_load(test_data("chat/model"), &scene->out.chat, error);
}

static void digest_chat(const dm_chat_template *chat, uint64_t *digest) {
    char *rendered;
    size_t n_byte;
    dm_error error;
    require(dm_chat_template_render(chat, some_messages, n_message, 1, &rendered, &n_byte, &error),
            &error);
    digest_bytes(digest, rendered, n_byte + 1);
    dm_free(rendered);
}

static void use_load_chat(struct scene *scene, uint64_t *digest) {
    digest_chat(scene->out.chat, digest);
    dm_chat_template_free(scene->out.chat);
}

static dm_status act_render(struct scene *scene, dm_error *error) {
    return dm_chat_template_render(scene->chat, some_messages, n_message, 1, &scene->out.text,
                                   &scene->out.n, error);
}

static void use_render(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.text, scene->out.n + 1);
    digest_chat(scene->chat, digest);
    dm_free(scene->out.text);
}

static dm_status act_stop(struct scene *scene, dm_error *error) {
    return dm_checkpoint_stop_tokens(test_data("gguf/tokens"), scene->tokenizer, &scene->out.ids,
                                     &scene->out.n, error);
}

static void use_stop(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.ids, scene->out.n * sizeof *scene->out.ids);
    dm_free(scene->out.ids);
}

/* ---- dm_encoder_* ---- */

static dm_status act_new_encoder(struct scene *scene, dm_error *error) {
    return dm_encoder_new(scene->tokenizer, &scene->out.encoder, error);
}

/* What the encoder gives of the text from `begin` on, and of another text. */
static void digest_encoder(dm_encoder *encoder, size_t begin, uint64_t *digest) {
    dm_error error;
    const int32_t *ids;
    size_t n_id;
    for (size_t i = begin; i < 2 * sizeof text; i++) {
        if (i % sizeof text == sizeof text - 1)
            require(dm_encoder_finish(encoder, &ids, &n_id, &error), &error);
        else
            require(dm_encoder_push(encoder, text + i % sizeof text, 1, &ids, &n_id, &error),
                    &error);
        digest_bytes(digest, ids, n_id * sizeof *ids);
    }
}

static void use_new_encoder(struct scene *scene, uint64_t *digest) {
    digest_encoder(scene->out.encoder, 0, digest);
    dm_encoder_free(scene->out.encoder);
}

enum { n_before = 6, n_piece = 28 }; /* both end within a character */

static void prepare_encoder(struct scene *scene) {
    dm_error error;
    const int32_t *ids;
    size_t n;
    load_tokenizer(scene);
    require(dm_encoder_new(scene->tokenizer, &scene->encoder, &error), &error);
    require(dm_encoder_push(scene->encoder, text, n_before, &ids, &n, &error), &error);
}

static dm_status act_push_text(struct scene *scene, dm_error *error) {
    return dm_encoder_push(scene->encoder, text + n_before, n_piece, &scene->out.settled,
                           &scene->out.n, error);
}

static void use_push_text(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.settled, scene->out.n * sizeof *scene->out.settled);
    digest_encoder(scene->encoder, n_before + n_piece, digest);
}

/* A word that is held until the end. */
static void prepare_finish_text(struct scene *scene) {
    static const char word[] = "zyxwvutsrqponmlkjihgfedczyxwvutsrqponmlkjihgfedc";
    dm_error error;
    const int32_t *ids;
    size_t n;
    load_tokenizer(scene);
    require(dm_encoder_new(scene->tokenizer, &scene->encoder, &error), &error);
    require(dm_encoder_push(scene->encoder, word, sizeof word - 1, &ids, &n, &error), &error);
}

static dm_status act_finish_text(struct scene *scene, dm_error *error) {
    return dm_encoder_finish(scene->encoder, &scene->out.settled, &scene->out.n, error);
}

static void use_finish_text(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.settled, scene->out.n * sizeof *scene->out.settled);
    digest_encoder(scene->encoder, 0, digest);
}

/* ---- dm_decoder_* ---- */

static void digest_part(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.part, scene->out.n);
}

static dm_status act_new_decoder(struct scene *scene, dm_error *error) {
    return dm_decoder_new(scene->tokenizer, 1, &scene->out.decoder, error);
}

static void use_new_decoder(struct scene *scene, uint64_t *digest) {
    dm_error error;
    const char *part;
    size_t n;
    for (int i = 0; i < n_some; i++) {
        require(dm_decoder_push(scene->out.decoder, some_ids[i], &part, &n, &error), &error);
        digest_bytes(digest, part, n);
    }
    dm_decoder_free(scene->out.decoder);
}

static void prepare_decoder(struct scene *scene) {
    dm_error error;
    load_tokenizer(scene);
    require(dm_decoder_new(scene->tokenizer, 1, &scene->decoder, &error), &error);
}

static dm_status act_push(struct scene *scene, dm_error *error) {
    return dm_decoder_push(scene->decoder, 5, &scene->out.part, &scene->out.n, error);
}

static dm_status act_finish(struct scene *scene, dm_error *error) {
    return dm_decoder_finish(scene->decoder, &scene->out.part, &scene->out.n, error);
}

/* ---- dm_sampler_* ---- */

static const float logits[] = {0.5F, 1.5F, -1, 0, 2, 1.25F};
enum { n_logit = sizeof logits / sizeof *logits };
static const int32_t seen[] = {1, 4};

static dm_status new_sampler(dm_sampler **sampler, dm_error *error) {
    dm_sampler_options options = DM_SAMPLER_OPTIONS_INIT;
    options.temperature = 1;
    options.top_p = 0.9;
    options.repetition_penalty = 1.2;
    return dm_sampler_new(n_logit, &options, sampler, error);
}

static void prepare_sampler(struct scene *scene) {
    dm_error error;
    require(new_sampler(&scene->sampler, &error), &error);
}

static dm_status act_new_sampler(struct scene *scene, dm_error *error) {
    return new_sampler(&scene->out.sampler, error);
}

static void digest_draws(dm_sampler *sampler, uint64_t *digest) {
    int32_t id;
    dm_error error;
    for (int i = 0; i < 20; i++) {
        require(dm_sampler_draw(sampler, logits, n_logit, &id, &error), &error);
        digest_bytes(digest, &id, sizeof id);
    }
}

static void use_new_sampler(struct scene *scene, uint64_t *digest) {
    digest_draws(scene->out.sampler, digest);
    dm_sampler_free(scene->out.sampler);
}

static dm_status act_accept(struct scene *scene, dm_error *error) {
    return dm_sampler_accept(scene->sampler, seen, 2, error);
}

static dm_status act_draw(struct scene *scene, dm_error *error) {
    return dm_sampler_draw(scene->sampler, logits, n_logit, &scene->out.id, error);
}

static void use_sampler(struct scene *scene, uint64_t *digest) {
    digest_draws(scene->sampler, digest);
}

const struct memory_case memory_cases_text[] = {
    {.call = "dm_tokenizer_load", .act = act_load, .use = use_load},
    {.call = "dm_tokenizer_load", .what = "GGUF", .act = act_load_gguf, .use = use_load},
    {.call = "dm_tokenizer_load", .what = "GGUF's pieces", .act = act_load_pieces, .use = use_load},
    {.call = "dm_tokenizer_encode",
     .prepare = load_tokenizer,
     .act = act_encode,
     .use = use_encode},
    {.call = "dm_tokenizer_decode",
     .prepare = load_tokenizer,
     .act = act_decode,
     .use = use_decode},
    {.call = "dm_checkpoint_stop_tokens",
     .prepare = load_tokenizer,
     .act = act_stop,
     .use = use_stop},
    {.call = "dm_chat_template_load", .act = act_load_chat, .use = use_load_chat},
    {.call = "dm_chat_template_render", .prepare = load_chat, .act = act_render, .use = use_render},
    {.call = "dm_encoder_new",
     .prepare = load_tokenizer,
     .act = act_new_encoder,
     .use = use_new_encoder},
    {.call = "dm_encoder_push",
     .prepare = prepare_encoder,
     .act = act_push_text,
     .use = use_push_text},
    {.call = "dm_encoder_finish",
     .prepare = prepare_finish_text,
     .act = act_finish_text,
     .use = use_finish_text},
    {.call = "dm_decoder_new",
     .prepare = load_tokenizer,
     .act = act_new_decoder,
     .use = use_new_decoder},
    {.call = "dm_decoder_push",
     .prepare = prepare_decoder,
     .act = act_push,
     .use = digest_part,
     .frugal = true},
    {.call = "dm_decoder_finish",
     .prepare = prepare_decoder,
     .act = act_finish,
     .use = digest_part,
     .frugal = true},
    {.call = "dm_sampler_new", .act = act_new_sampler, .use = use_new_sampler},
    {.call = "dm_sampler_accept",
     .prepare = prepare_sampler,
     .act = act_accept,
     .use = use_sampler,
     .frugal = true},
    {.call = "dm_sampler_draw",
     .prepare = prepare_sampler,
     .act = act_draw,
     .use = use_sampler,
     .frugal = true},
    {0},
};
