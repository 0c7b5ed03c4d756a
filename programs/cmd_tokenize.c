/* decimamba tokenize: text to ids, and back. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/model_flags.h"
#include "cli/token_source.h"
#include "commands.h"
#include "decimamba.h"

struct settings {
    const char *file;
    bool pieces, count, decode, template, json;
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

static void print_ids(const int32_t *ids, size_t n_id, bool first, const char *between) {
    for (size_t i = 0; i < n_id; i++)
        printf("%s%d", first && !i ? "" : between, (int)ids[i]);
}

static bool print_text(dm_decoder *decoder, const int32_t *ids, size_t n_id) {
    const char *text;
    size_t n_byte;
    dm_error error;
    for (size_t i = 0; i < n_id; i++) {
        if (dm_decoder_push(decoder, ids[i], &text, &n_byte, &error))
            return fail("%s", error.message);
        fwrite(text, 1, n_byte, stdout);
    }
    return true;
}

/* What comes after the last ids. */
static bool print_end(const struct settings *settings, size_t n_id, dm_decoder *decoder) {
    const char *text;
    size_t n_byte;
    dm_error error;
    if (settings->count) {
        printf("%zu\n", n_id);
    } else if (settings->pieces) {
        ;
    } else if (!settings->decode) {
        puts(settings->json ? "]" : "");
    } else {
        if (dm_decoder_finish(decoder, &text, &n_byte, &error))
            return fail("%s", error.message);
        fwrite(text, 1, n_byte, stdout);
    }
    return true;
}

static bool print_all(const struct settings *settings, const dm_tokenizer *tokenizer,
                      struct token_source *source, dm_decoder *decoder) {
    const int32_t *ids;
    size_t n_id;
    dm_error error;
    dm_status status;
    bool fine = true;
    if (settings->json && !settings->count)
        putchar('[');
    while (fine && !(status = token_source_next(source, &ids, &n_id, &error)) && n_id) {
        if (settings->count)
            continue;
        if (settings->pieces)
            fine = print_pieces(tokenizer, ids, n_id);
        else if (settings->decode)
            fine = print_text(decoder, ids, n_id);
        else
            print_ids(ids, n_id, source->n_id == n_id, settings->json ? "," : " ");
    }
    if (!fine)
        return false;
    return status ? fail("%s", error.message) : print_end(settings, source->n_id, decoder);
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {0};
    const struct option options[] = {
        {OPTION_TEXT, "file", &settings.file, "FILE",
         .help = "read the text, or the ids, from here"},
        {OPTION_FLAG, "pieces", &settings.pieces, .help = "show an id and its piece on each line"},
        {OPTION_FLAG, "count", &settings.count, .help = "show only how many ids there are"},
        {OPTION_FLAG, "json", &settings.json, .help = "print the ids as one JSON array"},
        {OPTION_FLAG, "template", &settings.template,
         .help = "begin with the tokens that the tokenizer puts before a text, as generate does"},
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

    if (settings.json && (settings.pieces || settings.decode)) {
        complain("tokenize: --json prints ids: not with --%s",
                 settings.pieces ? "pieces" : "decode");
        return EXIT_FAILURE;
    }
    dm_tokenizer *tokenizer = NULL;
    dm_decoder *decoder = NULL;
    struct token_source source = {0};
    dm_error error;
    bool fine = load_tokenizer(operands[0], &tokenizer);
    if (fine && settings.decode)
        fine = token_source_open_ids(&source, "list of ids", operands[1], settings.file,
                                     dm_tokenizer_vocab_size(tokenizer)) &&
               (!dm_decoder_new(tokenizer, 1, &decoder, &error) || fail("%s", error.message));
    else if (fine)
        fine = token_source_open_text(&source, "text", operands[1], settings.file, tokenizer);
    if (fine && settings.template && !settings.decode)
        token_source_begin(&source, tokenizer);
    fine = fine && print_all(&settings, tokenizer, &source, decoder);
    token_source_close(&source);
    dm_decoder_free(decoder);
    dm_tokenizer_free(tokenizer);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command tokenize_command = {
    .name = "tokenize",
    .operands = "MODEL_OR_TOKENIZER [TEXT]",
    .summary = "Turns text into token ids, or ids into text.",
    .notes =
        "The text, or the ids, are an argument, a file or standard input. MODEL_OR_TOKENIZER is a "
        "directory that holds a tokenizer.json or a tokenizer.model, or such a file, or a GGUF "
        "file.",
    .example = "decimamba tokenize models/passkey-bytes-512 'The pass key is 01234.'\n"
               "decimamba tokenize models/passkey-bytes-512 --file book.txt --count",
    .min_operand = 1,
    .max_operand = 2,
    .run = run,
};
