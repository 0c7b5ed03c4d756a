#include "chat_prompt.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "decimamba.h"
#include "fail.h"
#include "read_input.h"

static char *render(const char *directory, const dm_chat_message *messages, size_t n) {
    dm_chat_template *chat;
    dm_error error;
    char *text = NULL;
    size_t n_byte;
    if (dm_chat_template_load(directory, &chat, &error)) {
        complain("%s", error.message);
        return NULL;
    }
    if (dm_chat_template_render(chat, messages, n, 1, &text, &n_byte, &error))
        complain("%s", error.message);
    dm_chat_template_free(chat);
    return text;
}

static char *render_list(const char *directory, const char *name, const json_t *list) {
    size_t n = json_array_size(list);
    dm_chat_message *messages = calloc(n + 1, sizeof *messages);
    bool fine = messages || fail_memory();
    if (!json_is_array(list))
        fine = fine && fail("%s: must be a list of messages", name);
    for (size_t i = 0; i < n && fine; i++) {
        const json_t *item = json_array_get(list, i);
        messages[i].role = json_string_value(json_object_get(item, "role"));
        messages[i].content = json_string_value(json_object_get(item, "content"));
        if (!messages[i].role || !messages[i].content)
            fine = fail("%s: message %zu: \"role\" and \"content\" must be strings", name, i);
    }
    char *text = fine ? render(directory, messages, n) : NULL;
    free(messages);
    return text;
}

static char *render_file(const char *directory, const char *file) {
    struct text read;
    json_t *list;
    dm_error error;
    if (!read_text("list of messages", NULL, file, &read))
        return NULL;
    char *text = NULL;
    if (dm_json_parse_python(read.bytes, read.n_byte, read.name, &list, &error)) {
        complain("%s", error.message);
    } else {
        text = render_list(directory, read.name, list);
        json_decref(list);
    }
    free(read.bytes);
    return text;
}

char *chat_prompt(const char *directory, const struct chat_flags *flags, const char *operand,
                  const char *file) {
    struct text read;
    if (flags->messages)
        return render_file(directory, flags->messages);
    if (!read_text("message", operand, file, &read))
        return NULL;
    const dm_chat_message messages[] = {{"system", flags->system}, {"user", read.bytes}};
    char *text = NULL;
    if (strlen(read.bytes) != read.n_byte)
        complain("%s: a message holds no NUL", read.name);
    else
        text = flags->system ? render(directory, messages, 2) : render(directory, messages + 1, 1);
    free(read.bytes);
    return text;
}
