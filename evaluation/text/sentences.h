/* Splits a text into sentences by the Punkt algorithm (Kiss & Strunk 2006) with nothing learnt: no
 * abbreviations, collocations or sentence starters are known, so what remains are its rules for
 * ellipses, initials and numbers. This is what nltk's PunktSentenceTokenizer() does when it is
 * given no training text, and so what the official pass-key prompts are made of.
 *
 *     ". ! ?" end a sentence before white space, and before a mark that no word has inside.
 *     A full stop after an initial ("J.") or a number ("3.5.") does not where punctuation or a
 *     lower case letter follows, after an initial an upper case one neither; "..." never does.
 *     Closing quotes and brackets after the end still belong to the sentence.
 *
 * Spans are those of nltk 3.10.4. Earlier versions (up to 3.9) take curly quotes and guillemets for
 * letters. White space is Unicode's, and U+001C .. U+001F, of which nltk 3.10 itself is of two
 * minds. */
#ifndef DECIMAMBA_EVALUATION_SENTENCES_H
#define DECIMAMBA_EVALUATION_SENTENCES_H

#include "decimamba.h"

struct text_span {
    size_t begin, end; /* bytes [begin, end) */
};

/* Finds the sentences of `text`, n_byte of UTF-8, in order: none is empty, white space between them
 * and at the end belongs to none, white space at the beginning to the first. `*spans` is allocated
 * with malloc (NULL where there are none). A text that is not UTF-8 is DM_ERROR_FORMAT, naming the
 * byte. The time is linear in n_byte. */
dm_status sentences_split(const char *text, size_t n_byte, struct text_span **spans, size_t *n_span,
                          dm_error *error);

#endif
