// A WASI command that counts words: in files, or in its standard input where none is named. Options make of it each
// thing that a command can do when it ends.
//
//   words [--forget] [--twice] [--overrun] [--trap] [--exit=N] [--churn=N] [FILE...]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
  struct word *next;
  unsigned count;
  char *text;
};

static struct word *words;

__attribute__((noinline)) static char *copy(const char *text, size_t length) {
  char *p = malloc(length + 1);
  memcpy(p, text, length);
  p[length] = 0;
  return p;
}

__attribute__((noinline)) static void count(const char *text, size_t length) {
  for (struct word *w = words; w; w = w->next) {
    if (strlen(w->text) == length && memcmp(w->text, text, length) == 0) {
      w->count++;
      return;
    }
  }
  struct word *w = calloc(1, sizeof *w);
  w->text = copy(text, length);
  w->count = 1;
  w->next = words;
  words = w;
}

__attribute__((noinline)) static char *read_all(FILE *file, size_t *length) {
  size_t room = 64;
  char *text = malloc(room);
  *length = 0;
  for (size_t n; (n = fread(text + *length, 1, room - *length, file)) > 0;) {
    *length += n;
    if (*length == room) text = realloc(text, room *= 2);
  }
  return text;
}

__attribute__((noinline)) static void read_words(FILE *file) {
  size_t length;
  char *text = read_all(file, &length);
  for (size_t i = 0; i < length;) {
    size_t start = i;
    while (i < length && text[i] != ' ' && text[i] != '\n') i++;
    if (i > start) count(text + start, i - start);
    while (i < length && (text[i] == ' ' || text[i] == '\n')) i++;
  }
  free(text);
}

/** Allocates and frees, for so many million times. */
__attribute__((noinline)) static void churn(int millions) {
  void *slots[1024] = {0};
  unsigned x = 1;
  for (int i = 0; i < millions * 1000000; i++) {
    x = x * 1664525 + 1013904223;
    unsigned slot = x >> 22;
    free(slots[slot]);
    slots[slot] = malloc(16 + (x >> 8) % 200);
  }
  for (int i = 0; i < 1024; i++) free(slots[i]);
}

__attribute__((noinline)) static void free_twice(void) {
  char *volatile p = copy("twice", 5);
  free(p);
  free(p);
}

__attribute__((noinline)) static void overrun(void) {
  char *volatile p = copy("overrun", 7);
  p[8] = '!';
  free(p);
}

int main(int argc, char **argv) {
  int forget = 0, trap = 0, code = 0, files = 0;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--forget") == 0) forget = 1;
    else if (strcmp(argv[i], "--twice") == 0) free_twice();
    else if (strcmp(argv[i], "--overrun") == 0) overrun();
    else if (strcmp(argv[i], "--trap") == 0) trap = 1;
    else if (strncmp(argv[i], "--exit=", 7) == 0) code = atoi(argv[i] + 7);
    else if (strncmp(argv[i], "--churn=", 8) == 0) churn(atoi(argv[i] + 8));
    else {
      FILE *file = fopen(argv[i], "r");
      files++;
      if (!file) {
        fprintf(stderr, "words: cannot read %s\n", argv[i]);
        exit(1);
      }
      read_words(file);
      fclose(file);
    }
  }
  if (files == 0) read_words(stdin);

  unsigned total = 0, different = 0;
  for (struct word *w = words; w; w = w->next) {
    total += w->count;
    different++;
  }
  const char *greeting = getenv("GREETING");
  printf("%s%u words, %u of them different\n", greeting ? greeting : "", total, different);
  fflush(stdout);
  if (trap) __builtin_trap();
  while (words && !forget) {
    struct word *next = words->next;
    free(words->text);
    free(words);
    words = next;
  }
  exit(code);
}
