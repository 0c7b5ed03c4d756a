/* decimamba tokenize: text to ids, and back. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "decimamba.h"
#include "fail.h"
#include "model_flags.h"
#include "read_input.h"

struct settings {
    const char *file;
    bool pieces, count, decode;
};

/* Shows a piece on one line: what a terminal would act on is escaped. */
static void print_piece(const char *piece, size_t n_byte) {
    for (size_t i = 0; i < n_byte; i++) {
        unsigned char c = (unsigned char)piece[i];
        if (c == '\n')
            fputs("\\n", stdout);
        else if (c == '\t')
            fputs("\\t", stdout);
        else if (c == '\\')
            fputs("\\\\", stdout);
        else if (c < ' ' || c == 127)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static bool print_pieces(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id) {
    dm_error error;
    for (size_t i = 0; i < n_id; i++) {
        char *piece;
        size_t n_byte;
        if (dm_tokenizer_decode(tokenizer, &ids[i], 1, 1, &piece, &n_byte, &error))
            return fail("%s", error.message);
        printf("%d\t", (int)ids[i]);
        print_piece(piece, n_byte);
        putchar('\n');
        dm_free(piece);
    }
    return true;
}

static bool encode(const struct settings *settings, const dm_tokenizer *tokenizer,
                   const struct text *text) {
    int32_t *ids;
    size_t n_id;
    dm_error error;
    bool fine = true;
    if (dm_tokenizer_encode(tokenizer, text->bytes, text->n_byte, &ids, &n_id, &error))
        return fail("%s: %s", text->name, error.message);
    if (settings->count) {
        printf("%zu\n", n_id);
    } else if (settings->pieces) {
        fine = print_pieces(tokenizer, ids, n_id);
    } else {
        for (size_t i = 0; i < n_id; i++)
            printf("%s%d", i ? " " : "", (int)ids[i]);
        putchar('\n');
    }
    dm_free(ids);
    return fine;
}

static bool decode(const struct settings *settings, const dm_tokenizer *tokenizer,
                   const struct text *text) {
    struct token_ids ids;
    char *decoded;
    size_t n_byte;
    dm_error error;
    bool fine = true;
    if (!parse_ids(text, dm_tokenizer_vocab_size(tokenizer), &ids))
        return false;
    if (settings->count) {
        printf("%zu\n", ids.n);
    } else if (settings->pieces) {
        fine = print_pieces(tokenizer, ids.items, ids.n);
    } else if (dm_tokenizer_decode(tokenizer, ids.items, ids.n, 1, &decoded, &n_byte, &error)) {
        fine = fail("%s", error.message);
    } else {
        fwrite(decoded, 1, n_byte, stdout);
        dm_free(decoded);
    }
    free(ids.items);
    return fine;
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {0};
    const struct option options[] = {
        {OPTION_TEXT, "file", &settings.file, "FILE",
         .help = "read it from here; -: standard input"},
        {OPTION_FLAG, "pieces", &settings.pieces, .help = "show an id and its piece on each line"},
        {OPTION_FLAG, "count", &settings.count, .help = "show only how many ids there are"},
        {OPTION_FLAG, "decode", &settings.decode,
         .help = "read ids with white space between, and print their text"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {{"Options", options}, {0}};
    const char *operands[2] = {0};
    enum options_result result =
        options_read(&tokenize_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);

    dm_tokenizer *tokenizer = NULL;
    struct text text = {0};
    const char *what = settings.decode ? "list of ids" : "text";
    bool fine = load_tokenizer(operands[0], &tokenizer) &&
                read_text(what, operands[1], settings.file, &text) &&
                (settings.decode ? decode : encode)(&settings, tokenizer, &text);
    free(text.bytes);
    dm_tokenizer_free(tokenizer);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command tokenize_command = {
    .name = "tokenize",
    .operands = "MODEL_OR_TOKENIZER [TEXT]",
    .summary = "Turns text into token ids, or ids into text.",
    .notes = "MODEL_OR_TOKENIZER is a directory that holds a tokenizer.json, or such a file. "
             "Without TEXT and --file, standard input is read.",
    .example = "decimamba tokenize models/passkey-bytes-512 'The pass key is 01234.'\n"
               "decimamba tokenize models/passkey-bytes-512 --file book.txt --count",
    .min_operand = 1,
    .max_operand = 2,
    .run = run,
};
