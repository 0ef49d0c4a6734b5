// Counts how often each word occurs in a text, in a table of its own: the guest of guest.ts. It has been built by
//
//   clang --target=wasm32-wasi -O2 -fno-builtin -c words.c -o words.o
//   wasm-ld --entry=_initialize -L/usr/lib/wasm32-wasi /usr/lib/wasm32-wasi/crt1-reactor.o --export=malloc --export=free \
//     --strip-debug words.o -lc -o words.wasm
//
// with clang and wasm-ld 14 and the wasi-libc of Debian 12.

#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name), noinline)) name
#define NOINLINE __attribute__((noinline))

struct entry {
  struct entry *next;
  char *word;
  int count;
};

struct table {
  struct entry *buckets[64];
};

static NOINLINE char *copy_word(const char *word, size_t length) {
  char *copy = malloc(length + 1);
  memcpy(copy, word, length);
  copy[length] = 0;
  return copy;
}

static NOINLINE void add_word(struct table *t, const char *word, size_t length) {
  unsigned hash = 0;
  for (size_t i = 0; i < length; i++) hash = hash * 31 + (unsigned char)word[i];
  struct entry **bucket = &t->buckets[hash % 64];
  for (struct entry *e = *bucket; e; e = e->next) {
    if (strlen(e->word) == length && memcmp(e->word, word, length) == 0) {
      e->count++;
      return;
    }
  }
  struct entry *e = malloc(sizeof(struct entry));
  *e = (struct entry){*bucket, copy_word(word, length), 1};
  *bucket = e;
}

// The table of a text, whose words are put apart by single spaces
struct table *EXPORT(count_words)(const char *text) {
  struct table *t = calloc(1, sizeof(struct table));
  while (*text) {
    size_t length = strcspn(text, " ");
    if (length) add_word(t, text, length);
    text += length + (text[length] == ' ');
  }
  return t;
}

// How often the word occurs that occurs most often
int EXPORT(most)(const struct table *t) {
  int most = 0;
  for (int i = 0; i < 64; i++) {
    for (const struct entry *e = t->buckets[i]; e; e = e->next) {
      if (e->count > most) most = e->count;
    }
  }
  return most;
}

// Frees the words that occur once. A mistake: they stay in the table
void EXPORT(drop_rare)(struct table *t) {
  for (int i = 0; i < 64; i++) {
    for (struct entry *e = t->buckets[i]; e;) {
      struct entry *next = e->next;
      if (e->count == 1) {
        free(e->word);
        free(e);
      }
      e = next;
    }
  }
}

// Frees a table. A mistake: the text of each word is forgotten
void EXPORT(free_table)(struct table *t) {
  for (int i = 0; i < 64; i++) {
    for (struct entry *e = t->buckets[i]; e;) {
      struct entry *next = e->next;
      free(e);
      e = next;
    }
  }
  free(t);
}
