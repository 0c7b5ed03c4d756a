#include "chat/chat_template.h"

#include <string.h>

#include "base/gguf_file.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
#include "chat/render.h"
#include "text/tokenizer.h"

/* Line ends as Jinja has them: \r\n and \r are \n. `*n_byte` becomes what is left. */
static char *with_line_ends(const char *source, size_t *n_byte) {
    char *text = dm_memory_array(*n_byte + 1, 1);
    size_t n = 0;
    for (size_t i = 0; text && i < *n_byte; i++)
        if (source[i] != '\r')
            text[n++] = source[i];
        else if (i + 1 == *n_byte || source[i + 1] != '\n')
            text[n++] = '\n';
    *n_byte = n;
    return text;
}

dm_status dm_chat_template_parse(const char *source, size_t n_byte, const char *name,
                                 json_t *tokens, struct dm_chat_template **result,
                                 dm_error *error) {
    struct dm_chat_template *chat = dm_memory_zeroed(1, sizeof *chat);
    char *text = with_line_ends(source, &n_byte);
    dm_status status = DM_OK;
    if (!chat || !text || !(chat->name = dm_memory_text(name)))
        status = dm_fail_memory(error, "a chat template");
    else
        status = dm_syntax_parse(text, n_byte, name, &chat->body, &chat->nodes, error);
    dm_memory_free(text);
    if (status) {
        dm_chat_template_release(chat);
        return status;
    }
    chat->tokens = json_incref(tokens);
    *result = chat;
    return DM_OK;
}

void dm_chat_template_release(struct dm_chat_template *chat) {
    if (!chat)
        return;
    dm_syntax_free(chat->nodes);
    json_decref(chat->tokens);
    dm_memory_free(chat->name);
    dm_memory_free(chat);
}

/* ---- Where a model has it ---- */

/* As transformers has them: special_tokens_map.json counts where tokenizer_config.json has no
 * added_tokens_decoder, as for dm_tokenizer_end. */
static dm_status read_tokens(const char *directory, const json_t *settings, json_t **tokens,
                             dm_error *error) {
    static const char *const keys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
    json_t *map = NULL;
    dm_status status = DM_OK;
    if (!json_object_get(settings, "added_tokens_decoder"))
        status = dm_model_json(directory, "special_tokens_map.json", &map, error);
    *tokens = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !status; i++) {
        json_t *content = dm_special_text(map, keys[i]);
        content = content ? content : dm_special_text(settings, keys[i]);
        if (!*tokens || (content && json_object_set(*tokens, keys[i], content)))
            status = dm_fail_memory(error, "a chat template");
    }
    json_decref(map);
    return status;
}

/* The source in tokenizer_config.json; NULL: there is none. */
static const json_t *find_source(const json_t *settings) {
    const json_t *said = json_object_get(settings, "chat_template");
    for (size_t i = 0; i < json_array_size(said); i++) {
        const json_t *entry = json_array_get(said, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name && !strcmp(name, "default"))
            return json_object_get(entry, "template");
    }
    return json_is_string(said) ? said : NULL;
}

static dm_status read_jinja(const char *path, json_t *tokens, struct dm_chat_template **result,
                            dm_error *error) {
    struct dm_mapped_file file;
    dm_status status = dm_mapped_file_read(&file, path, error);
    if (status)
        return status;
    status = dm_chat_template_parse(file.bytes ? (const char *)file.bytes : "", file.n_byte, path,
                                    tokens, result, error);
    dm_mapped_file_close(&file);
    return status;
}

static dm_status read_settings(const char *directory, const json_t *settings, json_t *tokens,
                               struct dm_chat_template **result, dm_error *error) {
    const json_t *source = find_source(settings);
    char *path = dm_gguf_is_file(directory) ? dm_memory_text(directory)
                                            : dm_path_join(directory, "tokenizer_config.json");
    dm_status status;
    if (!path)
        status = dm_fail_memory(error, "a path");
    else if (!json_is_string(source))
        status = dm_fail(error, DM_ERROR_UNSUPPORTED,
                         "%s: has no chat template (chat_template.jinja, or \"chat_template\" in "
                         "tokenizer_config.json)",
                         directory);
    else
        status = dm_chat_template_parse(json_string_value(source), json_string_length(source), path,
                                        tokens, result, error);
    dm_memory_free(path);
    return status;
}

dm_status dm_chat_template_read(const char *directory, struct dm_chat_template **result,
                                dm_error *error) {
    json_t *settings = NULL, *tokens = NULL;
    char *path = NULL;
    dm_status status = dm_model_json(directory, "tokenizer_config.json", &settings, error);
    if (!status)
        status = read_tokens(directory, settings, &tokens, error);
    if (!status)
        status = dm_model_file(directory, "chat_template.jinja", &path, error);
    if (!status)
        status = dm_path_exists(path) ? read_jinja(path, tokens, result, error)
                                      : read_settings(directory, settings, tokens, result, error);
    dm_memory_free(path);
    json_decref(settings);
    json_decref(tokens);
    return status;
}

/* ---- Running it ---- */

dm_status dm_chat_template_run(const struct dm_chat_template *chat, json_t *messages,
                               bool add_generation_prompt, char **text, size_t *n_byte,
                               dm_error *error) {
    json_t *variables = json_pack("{sO sb sn sn}", "messages", messages, "add_generation_prompt",
                                  add_generation_prompt, "tools", "documents");
    if (!variables || json_object_update(variables, chat->tokens)) {
        json_decref(variables);
        return dm_fail_memory(error, "a chat");
    }
    dm_status status = dm_render(chat->body, chat->name, variables, text, n_byte, error);
    json_decref(variables);
    return status;
}
