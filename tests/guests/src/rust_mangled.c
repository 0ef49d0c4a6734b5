// Linked with rust.rs: its imports by the names that rustc 1.95 gives them, and what else that one imports.

typedef __SIZE_TYPE__ size_t;

#define RUST(name, mangled) __attribute__((import_module("env"), import_name("_RNvCsfLfy6EI15iL_7___rustc" #mangled))) name
#define EXPORT(name) __attribute__((export_name(#name), noinline)) name

void *RUST(__rust_alloc, 12___rust_alloc)(size_t, size_t);
void RUST(__rust_dealloc, 14___rust_dealloc)(void *, size_t, size_t);
void *RUST(__rust_realloc, 14___rust_realloc)(void *, size_t, size_t, size_t);
void *RUST(__rust_alloc_zeroed, 19___rust_alloc_zeroed)(size_t, size_t);
void RUST(__rust_alloc_error_handler, 26___rust_alloc_error_handler)(size_t, size_t);
void RUST(__rust_no_alloc_shim_is_unstable_v2, 35___rust_no_alloc_shim_is_unstable_v2)(void);

// An allocation as newer compilers make it, its size after reallocation, and its end: 0, or what went wrong
int EXPORT(mangled)(size_t size) {
  __rust_no_alloc_shim_is_unstable_v2();
  volatile char *p = __rust_alloc(size, 8);
  if (!p) return 1;
  p[0] = 42;
  char *q = __rust_realloc((void *)p, size, 8, size * 2);
  if (!q || q[0] != 42) return 2;
  __rust_dealloc(q, size * 2, 8);
  char *z = __rust_alloc_zeroed(size, 8);
  if (!z) __rust_alloc_error_handler(size, 8);
  int dirt = 0;
  for (size_t i = 0; i < size; i++) dirt += z[i];
  __rust_dealloc(z, size, 8);
  return dirt ? 3 : 0;
}
