/* A chat template: read, and run on conversations with and without a system text. */
#include <string.h>

#include "base/memory.h"
#include "chat/chat_template.h"
#include "fuzz.h"

static const char *const conversations[] = {
    "[]",
    "[{\"role\": \"user\", \"content\": \"Hi there\"}]",
    "[{\"role\": \"system\", \"content\": \" Be brief.\\n\"}, {\"role\": \"user\", \"content\": "
    "\"\"},"
    " {\"role\": \"assistant\", \"content\": \"a\\u00e9<b>\"}, {\"role\": \"user\", \"content\": "
    "\"c d\"}]",
    "[{\"role\": \"assistant\", \"content\": \"x</think>y\"}]",
};

static void run(const struct dm_chat_template *chat, const char *conversation) {
    json_t *messages = json_loads(conversation, 0, NULL);
    dm_error error = fuzz_error_new();
    char *text = NULL;
    size_t n_byte = 0;
    dm_status status = dm_chat_template_run(chat, messages, true, &text, &n_byte, &error);
    fuzz_check_error(status, &error);
    if (!status) {
        MUST(text[n_byte] == 0);
        fuzz_touch(text, n_byte);
    }
    dm_memory_free(text);
    json_decref(messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dm_chat_template *chat = NULL;
    dm_error error = fuzz_error_new();
    json_t *tokens = json_pack("{ss ss}", "bos_token", "<s>", "eos_token", "</s>");
    dm_status status =
        dm_chat_template_parse((const char *)data, size, "fuzzed", tokens, &chat, &error);
    fuzz_check_error(status, &error);
    for (size_t i = 0; !status && i < sizeof conversations / sizeof *conversations; i++)
        run(chat, conversations[i]);
    dm_chat_template_release(chat);
    json_decref(tokens);
    return 0;
}
