#include "token_texts.h"

size_t largest_logits(const float *logits, size_t n_allowed, size_t n, size_t top[most_top]) {
    size_t n_found = 0;
    for (size_t id = 0; id < n_allowed && n; id++) {
        size_t at = n_found;
        if (n_found == n && !(logits[id] > logits[top[n - 1]]))
            continue;
        at -= n_found == n;
        for (; at > 0 && logits[id] > logits[top[at - 1]]; at--)
            top[at] = top[at - 1];
        top[at] = id;
        n_found += n_found < n;
    }
    return n_found;
}

json_t *token_text_json(const dm_tokenizer *tokenizer, int32_t id) {
    char *text;
    size_t n_byte;
    if (!tokenizer || dm_tokenizer_decode(tokenizer, &id, 1, 1, &text, &n_byte, NULL))
        return json_null();
    json_t *string = json_stringn(text, n_byte);
    dm_free(text);
    return string;
}
