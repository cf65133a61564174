/* Plain checks: one line a failure, exit status 1 when there was one. */
#include <stdio.h>
#include <string.h>

#include "tally.h"

static int failures;

static void expect(unsigned long actual, unsigned long wanted, const char *what) {
  if (actual == wanted) return;
  fprintf(stderr, "FAIL %s: got %lu, want %lu\n", what, actual, wanted);
  failures++;
}

static void counts_words_of_a_text(void) {
  struct tally *t = tally_new();
  tally_add_text(t, "To be, or not to be: that is the question.");
  expect(tally_count(t, "to"), 2, "count of 'to'");
  expect(tally_count(t, "question"), 1, "count of 'question'");
  expect(tally_count(t, "hamlet"), 0, "count of a word never seen");
  expect(tally_words(t), 8, "different words");
  tally_free(t);
}

static void keeps_a_word_apart_from_a_longer_one(void) {
  struct tally *t = tally_new();
  char word[16];
  for (int i = 0; i < 1000; i++) tally_add(t, word, (size_t)snprintf(word, sizeof word, "w%03d", i));
  /* "w00" to "w99" begin ten words each, and were never counted themselves. */
  unsigned long seen = 0;
  for (int i = 0; i < 100; i++) {
    snprintf(word, sizeof word, "w%02d", i);
    seen += tally_count(t, word);
  }
  expect(seen, 0, "count of words that only begin others");
  expect(tally_words(t), 1000, "different words");
  tally_free(t);
}

static void knows_the_top_word(void) {
  struct tally *t = tally_new();
  expect(tally_top(t) == NULL, 1, "top of an empty tally");
  tally_add_text(t, "b a b a c");
  expect(strcmp(tally_top(t), "a") == 0, 1, "first of two equal words");
  tally_free(t);
}

int main(void) {
  counts_words_of_a_text();
  keeps_a_word_apart_from_a_longer_one();
  knows_the_top_word();
  printf("%s\n", failures == 0 ? "all tests passed" : "tests failed");
  return failures != 0;
}
