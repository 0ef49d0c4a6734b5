// A guest that allocates a lot and does little else. Built with an allocator of its own, and with one that it imports.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *malloc(size_t);
void free(void *);
void *realloc(void *, size_t);

#define EXPORT(name) __attribute__((export_name(#name), noinline)) name

// A pointer that the compiler cannot follow, lest it drop the calls
static void *hidden(void *p) {
  __asm__ volatile("" : "+r"(p));
  return p;
}

static void *get(size_t size) {
  void *p = hidden(malloc(size));
  if (!p) __builtin_trap();
  return p;
}

static void put(void *p) { free(hidden(p)); }

static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

// n pairs: a block of 16 to 72 bytes, freed at once
uint32_t EXPORT(pair)(int n) {
  uint32_t sum = 0;
  for (int i = 0; i < n; i++) {
    uint32_t *p = get(16 + (size_t)(i & 7) * 8);
    *p = (uint32_t)i;
    sum += *(volatile uint32_t *)p;
    put(p);
  }
  return sum;
}

// n pairs: 64 blocks of 16 to 72 bytes, then all of them freed, the last first
uint32_t EXPORT(lifo)(int n) {
  uint32_t *blocks[64], sum = 0;
  for (int i = 0; i < n; i += 64) {
    for (int k = 0; k < 64; k++) {
      blocks[k] = get(16 + (size_t)(k * 8 % 57));
      *blocks[k] = (uint32_t)k;
    }
    for (int k = 64; k-- > 0;) {
      sum += *blocks[k];
      put(blocks[k]);
    }
  }
  return sum;
}

// n pairs: in 1,024 slots, in random order, blocks of 16 to 1,023 bytes, of each doubling as many
uint32_t EXPORT(churn)(int n) {
  static uint32_t *blocks[1024];
  uint32_t sum = 0, state = 1;
  for (int i = 0; i < n; i++) {
    uint32_t r = next_random(&state), at = r & 1023, least = 16u << (r >> 10) % 6;
    if (blocks[at]) {
      sum += *blocks[at];
      put(blocks[at]);
    }
    blocks[at] = get(least + (r >> 16) % least);
    *blocks[at] = (uint32_t)i;
  }
  for (int i = 0; i < 1024; i++) {
    if (!blocks[i]) continue;
    put(blocks[i]);
    blocks[i] = 0;
  }
  return sum;
}

// n trees of 16,383 nodes: built, counted, freed

struct tree {
  struct tree *left, *right;
};

static struct tree *grown(int depth) {
  struct tree *tree = get(sizeof(struct tree));
  tree->left = depth > 1 ? grown(depth - 1) : 0;
  tree->right = depth > 1 ? grown(depth - 1) : 0;
  return tree;
}

static uint32_t counted(struct tree *tree) { return tree ? 1 + counted(tree->left) + counted(tree->right) : 0; }

static void felled(struct tree *tree) {
  if (!tree) return;
  felled(tree->left);
  felled(tree->right);
  put(tree);
}

uint32_t EXPORT(trees)(int n) {
  uint32_t sum = 0;
  for (int i = 0; i < n; i++) {
    struct tree *tree = grown(14);
    sum += counted(tree);
    felled(tree);
  }
  return sum;
}

// n times: a document of arrays, strings and numbers, parsed into items, and freed

struct item {
  struct item *next, *inside;
  char *text;
  double number;
};

struct text {
  char *bytes;
  size_t length, room;
};

static void append(struct text *text, char c) {
  if (text->length == text->room) {
    text->room = text->room ? text->room * 2 : 8;
    text->bytes = hidden(realloc(text->bytes, text->room));
    if (!text->bytes) __builtin_trap();
  }
  text->bytes[text->length++] = c;
}

static void write_value(struct text *out, uint32_t *state, int depth) {
  uint32_t r = next_random(state);
  if (depth > 0) {
    append(out, '[');
    for (uint32_t i = 0, n = 3 + r % 5; i < n; i++) {
      if (i > 0) append(out, ',');
      write_value(out, state, depth - 1);
    }
    append(out, ']');
  } else if (r & 1) {
    append(out, '"');
    for (uint32_t i = 0, n = (r >> 1) % 60; i < n; i++) append(out, (char)('a' + (r >> 8) % 26));
    append(out, '"');
  } else {
    append(out, (char)('1' + (r >> 8) % 9));
    append(out, (char)('0' + (r >> 16) % 10));
  }
}

static struct item *parsed(const char **at) {
  struct item *item = get(sizeof(struct item)), **last = &item->inside;
  memset(item, 0, sizeof(struct item));
  if (**at == '[') {
    do {
      ++*at;
      *last = parsed(at);
      last = &(*last)->next;
    } while (**at == ',');
    ++*at;
  } else if (**at == '"') {
    struct text text = {0, 0, 0};
    for (++*at; **at != '"'; ++*at) append(&text, **at);
    ++*at;
    append(&text, 0);
    item->text = hidden(realloc(text.bytes, text.length));
  } else {
    for (; **at >= '0' && **at <= '9'; ++*at) item->number = item->number * 10 + (**at - '0');
  }
  return item;
}

static uint32_t dropped(struct item *item) {
  uint32_t sum = 0;
  while (item) {
    struct item *next = item->next;
    sum += 1 + (uint32_t)item->number + (item->text ? (uint32_t)strlen(item->text) : 0) + dropped(item->inside);
    put(item->text);
    put(item);
    item = next;
  }
  return sum;
}

uint32_t EXPORT(json)(int n) {
  static struct text document;
  uint32_t sum = 0, state = 1;
  if (!document.bytes) {
    write_value(&document, &state, 6);
    append(&document, 0);
  }
  for (int i = 0; i < n; i++) {
    const char *at = document.bytes;
    sum += dropped(parsed(&at));
  }
  return sum;
}
