// A guest that brings no allocator: every function of C's is imported, and each export does something with one.

typedef __SIZE_TYPE__ size_t;

void *malloc(size_t);
void free(void *);
void *calloc(size_t, size_t);
void *realloc(void *, size_t);
void *reallocarray(void *, size_t, size_t);
void *aligned_alloc(size_t, size_t);
void *memalign(size_t, size_t);
int posix_memalign(void **, size_t, size_t);
size_t malloc_usable_size(void *);

#define EXPORT(name) __attribute__((export_name(#name), noinline)) name

// What the functions return, as it is

void *EXPORT(do_malloc)(size_t size) { return malloc(size); }
void EXPORT(do_free)(void *p) { free(p); }
void *EXPORT(do_calloc)(size_t n, size_t size) { return calloc(n, size); }
void *EXPORT(do_realloc)(void *p, size_t size) { return realloc(p, size); }
void *EXPORT(do_reallocarray)(void *p, size_t n, size_t size) { return reallocarray(p, n, size); }
void *EXPORT(do_aligned_alloc)(size_t align, size_t size) { return aligned_alloc(align, size); }
void *EXPORT(do_memalign)(size_t align, size_t size) { return memalign(align, size); }
int EXPORT(do_posix_memalign)(void **out, size_t align, size_t size) { return posix_memalign(out, align, size); }
size_t EXPORT(do_malloc_usable_size)(void *p) { return malloc_usable_size(p); }

// Through a pointer, as C++ and tables of functions call them

static void *(*volatile indirect_malloc)(size_t) = malloc;
static void (*volatile indirect_free)(void *) = free;

void *EXPORT(indirect_alloc)(size_t size) { return indirect_malloc(size); }
void EXPORT(indirect_release)(void *p) { indirect_free(p); }

static void fill(unsigned char *p, size_t n, unsigned char byte) {
  for (size_t i = 0; i < n; i++) ((volatile unsigned char *)p)[i] = byte + (unsigned char)i;
}

static size_t kept(const unsigned char *p, size_t n, unsigned char byte) {
  size_t i = 0;
  while (i < n && ((const volatile unsigned char *)p)[i] == (unsigned char)(byte + i)) i++;
  return i;
}

// Dirties a block, frees it, and says how many bytes of a calloc of the same size are not zero
int EXPORT(calloc_dirt)(size_t n, size_t size) {
  unsigned char *p = malloc(n * size);
  if (p) fill(p, n * size, 1);
  free(p);
  volatile unsigned char *q = calloc(n, size);
  if (!q) return -1;
  int dirt = 0;
  for (size_t i = 0; i < n * size; i++) dirt += q[i] != 0;
  free((void *)q);
  return dirt;
}

// How many bytes a realloc keeps
int EXPORT(realloc_kept)(size_t from, size_t to) {
  unsigned char *p = malloc(from);
  if (!p) return -1;
  fill(p, from, 7);
  unsigned char *q = realloc(p, to);
  if (!q) {
    int all = kept(p, from, 7) == from;
    free(p);
    return all ? -2 : -3;
  }
  int n = (int)kept(q, from < to ? from : to, 7);
  free(q);
  return n;
}

// The address that posix_memalign writes to a place that is aligned to 1 byte only; what it returned, if that is not 0
int EXPORT(posix_memalign_odd)(size_t align, size_t size) {
  unsigned char *place = malloc(16);
  fill(place, 16, 0x40);
  int e = posix_memalign((void **)(place + 3), align, size);
  unsigned char *p = (unsigned char *)(place[3] | place[4] << 8 | place[5] << 16 | (size_t)place[6] << 24);
  int around = kept(place, 3, 0x40) == 3 && kept(place + 7, 9, 0x47) == 9;
  int untouched = kept(place, 16, 0x40) == 16;
  free(place);
  if (e) return untouched ? e : -e;
  return around ? (int)p : -1;
}

// malloc and free in pairs, n times; the sum of what was written and read again
int EXPORT(pairs)(int n, size_t size) {
  int sum = 0;
  for (int i = 0; i < n; i++) {
    volatile int *p = malloc(size < 4 ? 4 : size);
    if (!p) return -1;
    *p = i;
    sum += *p;
    free((void *)p);
  }
  return sum;
}

// n blocks, of which every second one is forgotten; the number of those
int EXPORT(leak_half)(int n, size_t size) {
  int leaked = 0;
  for (int i = 0; i < n; i++) {
    void *p = malloc(size);
    if (!p) return -1;
    if (i & 1) leaked++;
    else free(p);
  }
  return leaked;
}

// A list of n numbers, its sum, and its end

struct node {
  struct node *next;
  int value;
};

struct node *EXPORT(list_make)(int n) {
  struct node *list = 0;
  for (int i = 0; i < n; i++) {
    struct node *node = malloc(sizeof(struct node));
    if (!node) __builtin_trap();
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
    free(list);
    list = next;
  }
}

// The memory itself, grown by the guest: pages of 64 KiB; the size before, or -1
int EXPORT(grow)(int pages) { return (int)__builtin_wasm_memory_grow(0, (size_t)pages); }
