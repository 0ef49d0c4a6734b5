// A command for WASI. Its first argument says what it does: "clean", "leak", "trap" or "exit"; it writes a line, and what it
// has allocated it frees, or forgets 3 blocks of 100 bytes.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *volatile kept;

static __attribute__((noinline)) void *make_record(size_t size) {
  kept = malloc(size);
  if (!kept) abort();
  memset(kept, 1, size);
  return kept;
}

static __attribute__((noinline)) void forget_records(int n) {
  for (int i = 0; i < n; i++) make_record(100);
}

static void say(const char *text) {
  if (write(1, text, strlen(text)) < 0) abort();
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "clean";
  for (int i = 0; i < 1000; i++) free(make_record(24));
  if (!strcmp(what, "leak")) forget_records(3);
  say(what);
  say("\n");
  if (!strcmp(what, "trap")) __builtin_trap();
  if (!strcmp(what, "exit")) exit(3);
  return 0;
}
