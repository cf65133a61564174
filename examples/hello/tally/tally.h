/* tally: counts how often words occur. A small library, the subject of the hello workflow.
 *
 * A tally owns its memory and its words; tally_free gives all of it back. Not thread-safe. */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>

struct tally;

/* NULL when there is no memory. */
struct tally *tally_new(void);
void tally_free(struct tally *t);

/* Counts one occurrence of the `length` bytes at `word`. 0, or -1 when there is no memory. */
int tally_add(struct tally *t, const char *word, size_t length);

/* Splits at anything that is no letter or digit, folds to lower case, and counts each word. */
int tally_add_text(struct tally *t, const char *text);

/* How often `word` was counted; 0 for a word never seen. */
unsigned long tally_count(const struct tally *t, const char *word);

/* How many different words there are. */
size_t tally_words(const struct tally *t);

/* The most frequent word (the first in byte order of several), or NULL when empty. */
const char *tally_top(const struct tally *t);

#endif
