// A guest that brings its own allocator, that of wasi-libc (dlmalloc), and does with it what programs do, well or badly.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(#name), noinline)) name
#define NOINLINE __attribute__((noinline))

__attribute__((import_module("env"), import_name("callback"))) int callback(int);

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

// n blocks of size bytes that nobody frees; the last one
void *EXPORT(leak)(int n, size_t size) {
  void *p = 0;
  for (int i = 0; i < n; i++) p = get(size);
  return p;
}

// n blocks, all out at once, all freed: the later ones first; a checksum of what was in them
int EXPORT(balanced)(int n, size_t size) {
  if (size < sizeof(int)) size = sizeof(int);
  int **blocks = get((size_t)n * sizeof(int *)), sum = 0;
  for (int i = 0; i < n; i++) {
    blocks[i] = get(size);
    *blocks[i] = i * 3;
  }
  for (int i = n; i-- > 0;) {
    sum += *blocks[i];
    free(hidden(blocks[i]));
  }
  free(hidden(blocks));
  return sum;
}

// malloc and free in pairs, n times: last in, first out
int EXPORT(pairs)(int n, size_t size) {
  int sum = 0;
  for (int i = 0; i < n; i++) {
    volatile int *p = get(size < 4 ? 4 : size);
    *p = i;
    sum += *p;
    free(hidden((void *)p));
  }
  return sum;
}

static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

// Frees and allocates n times, each time in one of so many slots, blocks of least to most bytes; a checksum
uint32_t EXPORT(churn)(int n, int slots, size_t least, size_t most, uint32_t seed) {
  uint32_t **blocks = calloc((size_t)slots, sizeof(uint32_t *)), sum = 0;
  if (!blocks) __builtin_trap();
  if (least < 4) least = 4;
  if (most < least) most = least;
  if (!seed) seed = 1;
  for (int i = 0; i < n; i++) {
    uint32_t at = next_random(&seed) % (uint32_t)slots;
    size_t size = least + next_random(&seed) % (uint32_t)(most - least + 1);
    if (blocks[at]) {
      sum += *blocks[at];
      free(hidden(blocks[at]));
    }
    blocks[at] = get(size);
    *blocks[at] = (uint32_t)i;
  }
  for (int i = 0; i < slots; i++) {
    if (!blocks[i]) continue;
    sum += *blocks[i];
    free(hidden(blocks[i]));
  }
  free(hidden(blocks));
  return sum;
}

// A list of n numbers, its sum, and its end

struct node {
  struct node *next;
  int value;
};

struct node *EXPORT(list_make)(int n) {
  struct node *list = 0;
  for (int i = 0; i < n; i++) {
    struct node *node = get(sizeof(struct node));
    node->next = list;
    node->value = i;
    list = node;
  }
  return list;
}

int EXPORT(list_sum)(struct node *list) {
  int sum = 0;
  for (; list; list = list->next) sum += list->value;
  return sum;
}

void EXPORT(list_free)(struct node *list) {
  while (list) {
    struct node *next = list->next;
    free(hidden(list));
    list = next;
  }
}

// Binary trees: one of a depth is built, its nodes are counted, and it is freed

struct tree {
  struct tree *left, *right;
};

struct tree *EXPORT(tree_make)(int depth) {
  struct tree *t = get(sizeof(struct tree));
  t->left = depth > 0 ? tree_make(depth - 1) : 0;
  t->right = depth > 0 ? tree_make(depth - 1) : 0;
  return t;
}

int EXPORT(tree_count)(const struct tree *t) { return t ? 1 + tree_count(t->left) + tree_count(t->right) : 0; }

void EXPORT(tree_free)(struct tree *t) {
  if (!t) return;
  tree_free(t->left);
  tree_free(t->right);
  free(hidden(t));
}

// A text that grows by realloc as n bytes are appended; the buffer, for text_free

struct text {
  char *bytes;
  size_t length, capacity;
};

struct text *EXPORT(text_make)(int n) {
  struct text *t = get(sizeof(struct text));
  *t = (struct text){0};
  for (int i = 0; i < n; i++) {
    if (t->length == t->capacity) {
      t->capacity = t->capacity ? t->capacity * 2 : 8;
      t->bytes = hidden(realloc(t->bytes, t->capacity));
      if (!t->bytes) __builtin_trap();
    }
    t->bytes[t->length++] = (char)('a' + i % 26);
  }
  return t;
}

// How many bytes of a text are as they were appended
int EXPORT(text_check)(const struct text *t) {
  size_t i = 0;
  while (i < t->length && t->bytes[i] == (char)('a' + i % 26)) i++;
  return (int)i;
}

void EXPORT(text_free)(struct text *t) {
  free(hidden(t->bytes));
  free(hidden(t));
}

// The other functions: what they return, as it is

void *EXPORT(do_malloc)(size_t size) { return hidden(malloc(size)); }
void EXPORT(do_free)(void *p) { free(hidden(p)); }
void *EXPORT(do_calloc)(size_t n, size_t size) { return hidden(calloc(n, size)); }
void *EXPORT(do_realloc)(void *p, size_t size) { return hidden(realloc(hidden(p), size)); }
void *EXPORT(do_aligned_alloc)(size_t align, size_t size) { return hidden(aligned_alloc(align, size)); }
void *EXPORT(do_posix_memalign)(size_t align, size_t size) {
  void *p = 0;
  return posix_memalign(&p, align, size) ? 0 : hidden(p);
}

// Mistakes

void EXPORT(double_free)(size_t size) {
  void *p = get(size);
  free(hidden(p));
  free(hidden(p));
}

void EXPORT(free_interior)(size_t size, int offset) {
  char *p = get(size);
  free(hidden(p + offset));
}

void EXPORT(free_foreign)(void *p) { free(hidden(p)); }

static char data[64] = "not a block";
void EXPORT(free_data)(void) { free(hidden(data + 16)); }

void EXPORT(write_past)(size_t size, int bytes) {
  char *p = get(size);
  for (int i = 0; i < bytes; i++) ((volatile char *)p)[(int)size + i] = 0x5a;
  free(hidden(p));
}

int EXPORT(use_after_free)(size_t size) {
  volatile int *p = get(size < 4 ? 4 : size);
  *p = 42;
  free(hidden((void *)p));
  return *p = *p + 1;
}

// n blocks, then a trap with all of them out
void EXPORT(trap)(int n, size_t size) {
  for (int i = 0; i < n; i++) get(size);
  __builtin_trap();
}

// The memory itself, grown by the guest: pages of 64 KiB; the size before, or -1
int EXPORT(grow)(int pages) { return (int)__builtin_wasm_memory_grow(0, (size_t)pages); }

// The host is called between mallocs: blocks are out of which half are freed after it; the sum of what it returned.
// What the host does meanwhile (call in again, throw, enter a region) is its own affair.
int EXPORT(with_callback)(int n, size_t size) {
  int sum = 0;
  for (int i = 0; i < n; i++) {
    void *before = get(size);
    sum += callback(i);
    void *after = get(size);
    free(hidden(before));
    free(hidden(after));
  }
  return sum;
}

// As many blocks as there are calls, each freed after the host has returned
int EXPORT(nest)(int depth, size_t size) {
  void *p = get(size);
  int sum = callback(depth);
  if (depth > 0) sum += nest(depth - 1, size);
  free(hidden(p));
  return sum;
}

// A leak behind functions with names, for call stacks: deep_outer > deep_middle > deep_inner > malloc

static NOINLINE void *deep_inner(size_t size) {
  void *p = get(size);
  *(volatile char *)p = 1;
  return hidden(p);
}

static NOINLINE void *deep_middle(size_t size) {
  void *p = deep_inner(size);
  return (char *)hidden(p) + 0;
}

void *EXPORT(deep_outer)(size_t size) {
  void *p = deep_middle(size);
  return hidden(p);
}

// The same leak behind so many calls of one function
void *EXPORT(descend)(int depth, size_t size) { return depth > 0 ? hidden(descend(depth - 1, size)) : deep_inner(size); }
