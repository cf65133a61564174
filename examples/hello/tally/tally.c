#include "tally.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
  char *word;
  unsigned long count;
};

/* Open addressing, linear probing; the capacity is a power of two. */
struct tally {
  struct entry *entries;
  size_t capacity;
  size_t used;
};

static uint64_t hash(const char *word, size_t length) {
  uint64_t h = 14695981039346656037ULL; /* FNV-1a */
  for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)word[i]) * 1099511628211ULL;
  return h;
}

static struct entry *find(const struct tally *t, const char *word, size_t length) {
  size_t i = hash(word, length) & (t->capacity - 1);
  while (t->entries[i].word != NULL) {
    if (strncmp(t->entries[i].word, word, length) == 0) break;
    i = (i + 1) & (t->capacity - 1);
  }
  return &t->entries[i];
}

static int grow(struct tally *t) {
  struct tally bigger = {calloc(t->capacity * 2, sizeof(struct entry)), t->capacity * 2, t->used};
  if (bigger.entries == NULL) return -1;
  for (size_t i = 0; i < t->capacity; i++) {
    if (t->entries[i].word != NULL)
      *find(&bigger, t->entries[i].word, strlen(t->entries[i].word)) = t->entries[i];
  }
  free(t->entries);
  *t = bigger;
  return 0;
}

struct tally *tally_new(void) {
  struct tally *t = malloc(sizeof *t);
  if (t == NULL) return NULL;
  *t = (struct tally){calloc(16, sizeof(struct entry)), 16, 0};
  if (t->entries == NULL) {
    free(t);
    return NULL;
  }
  return t;
}

void tally_free(struct tally *t) {
  if (t == NULL) return;
  for (size_t i = 0; i < t->capacity; i++) free(t->entries[i].word);
  free(t->entries);
  free(t);
}

int tally_add(struct tally *t, const char *word, size_t length) {
  if (t->used * 2 >= t->capacity && grow(t) != 0) return -1;
  struct entry *e = find(t, word, length);
  if (e->word == NULL) {
    e->word = malloc(length + 1);
    if (e->word == NULL) return -1;
    memcpy(e->word, word, length);
    e->word[length] = '\0';
    t->used++;
  }
  e->count++;
  return 0;
}

int tally_add_text(struct tally *t, const char *text) {
  char word[256];
  size_t length = 0;
  for (;; text++) {
    if (isalnum((unsigned char)*text) && length < sizeof word) {
      word[length++] = (char)tolower((unsigned char)*text);
    } else if (length > 0) {
      if (tally_add(t, word, length) != 0) return -1;
      length = 0;
    }
    if (*text == '\0') return 0;
  }
}

unsigned long tally_count(const struct tally *t, const char *word) {
  return find(t, word, strlen(word))->count;
}

size_t tally_words(const struct tally *t) { return t->used; }

const char *tally_top(const struct tally *t) {
  const struct entry *best = NULL;
  for (size_t i = 0; i < t->capacity; i++) {
    const struct entry *e = &t->entries[i];
    if (e->word == NULL) continue;
    if (best == NULL || e->count > best->count ||
        (e->count == best->count && strcmp(e->word, best->word) < 0))
      best = e;
  }
  return best == NULL ? NULL : best->word;
}
