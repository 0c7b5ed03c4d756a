#include <string.h>

#include "api/options.h"
#include "base/utf8.h"
#include "chat/chat_template.h"

DM_API dm_status dm_chat_template_load(const char *directory, dm_chat_template **chat,
                                       dm_error *error) {
    if (!directory || !chat)
        return dm_refuse_null(__func__, error);
    return dm_chat_template_read(directory, chat, error);
}

DM_API void dm_chat_template_free(dm_chat_template *chat) {
    dm_chat_template_release(chat);
}

static bool is_utf8(const char *text) {
    size_t n_byte = strlen(text);
    return dm_utf8_valid_prefix(text, n_byte) == n_byte;
}

static dm_status add_message(json_t *list, const dm_chat_message *message, size_t i,
                             dm_error *error) {
    if (!is_utf8(message->role) || !is_utf8(message->content))
        return dm_fail(error, DM_ERROR_FORMAT, "message %zu is not UTF-8", i);
    json_t *both = json_pack("{ss ss}", "role", message->role, "content", message->content);
    if (!both || json_array_append_new(list, both))
        return dm_fail_memory(error, "a chat");
    return DM_OK;
}

DM_API dm_status dm_chat_template_render(const dm_chat_template *chat,
                                         const dm_chat_message *messages, size_t n_message,
                                         int add_generation_prompt, char **text, size_t *n_byte,
                                         dm_error *error) {
    dm_status status = DM_OK;
    if (!chat || (n_message && !messages) || !text || !n_byte)
        return dm_refuse_null(__func__, error);
    for (size_t i = 0; i < n_message; i++)
        if (!messages[i].role || !messages[i].content)
            return dm_refuse_null(__func__, error);
    json_t *list = json_array();
    if (!list)
        return dm_fail_memory(error, "a chat");
    for (size_t i = 0; i < n_message && !status; i++)
        status = add_message(list, &messages[i], i, error);
    if (!status)
        status = dm_chat_template_run(chat, list, add_generation_prompt, text, n_byte, error);
    json_decref(list);
    return status;
}
