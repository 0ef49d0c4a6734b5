// A guest in C++ that brings no allocator: the operators new and delete are imported, and each export does something with some.

namespace std {
using size_t = decltype(sizeof(0));
enum class align_val_t : size_t {};
struct nothrow_t {
  explicit nothrow_t() = default;
};
const nothrow_t nothrow{};
} // namespace std
using std::align_val_t;
using std::nothrow_t;
using std::size_t;

void *operator new(size_t);
void *operator new[](size_t);
void *operator new(size_t, align_val_t);
void *operator new[](size_t, align_val_t);
void *operator new(size_t, const nothrow_t &) noexcept;
void *operator new[](size_t, const nothrow_t &) noexcept;
void *operator new(size_t, align_val_t, const nothrow_t &) noexcept;
void *operator new[](size_t, align_val_t, const nothrow_t &) noexcept;
void operator delete(void *) noexcept;
void operator delete[](void *) noexcept;
void operator delete(void *, size_t) noexcept;
void operator delete[](void *, size_t) noexcept;
void operator delete(void *, align_val_t) noexcept;
void operator delete[](void *, align_val_t) noexcept;
void operator delete(void *, size_t, align_val_t) noexcept;
void operator delete[](void *, size_t, align_val_t) noexcept;
void operator delete(void *, const nothrow_t &) noexcept;
void operator delete[](void *, const nothrow_t &) noexcept;
void operator delete(void *, align_val_t, const nothrow_t &) noexcept;
void operator delete[](void *, align_val_t, const nothrow_t &) noexcept;

#define EXPORT(name) __attribute__((export_name(#name), noinline)) name

extern "C" {

// What the operators return, as it is. form: 0 plain, 1 aligned, 2 nothrow, 3 aligned and nothrow; array: new[]
void *EXPORT(op_new)(int form, int array, size_t size, size_t align) {
  align_val_t a{align};
  switch (form * 2 + (array != 0)) {
  case 0: return ::operator new(size);
  case 1: return ::operator new[](size);
  case 2: return ::operator new(size, a);
  case 3: return ::operator new[](size, a);
  case 4: return ::operator new(size, std::nothrow);
  case 5: return ::operator new[](size, std::nothrow);
  case 6: return ::operator new(size, a, std::nothrow);
  default: return ::operator new[](size, a, std::nothrow);
  }
}

// form: 0 plain, 1 aligned, 2 nothrow, 3 aligned and nothrow, 4 sized, 5 sized and aligned; array: delete[]
void EXPORT(op_delete)(int form, int array, void *p, size_t size, size_t align) {
  align_val_t a{align};
  switch (form * 2 + (array != 0)) {
  case 0: return ::operator delete(p);
  case 1: return ::operator delete[](p);
  case 2: return ::operator delete(p, a);
  case 3: return ::operator delete[](p, a);
  case 4: return ::operator delete(p, std::nothrow);
  case 5: return ::operator delete[](p, std::nothrow);
  case 6: return ::operator delete(p, a, std::nothrow);
  case 7: return ::operator delete[](p, a, std::nothrow);
  case 8: return ::operator delete(p, size);
  case 9: return ::operator delete[](p, size);
  case 10: return ::operator delete(p, size, a);
  default: return ::operator delete[](p, size, a);
  }
}
}

namespace {

int alive = 0;

struct Shape {
  Shape() { alive++; }
  virtual ~Shape() { alive--; }
  virtual int area() const = 0;
};

struct Square final : Shape {
  int side;
  explicit Square(int s) : side(s) {}
  int area() const override { return side * side; }
};

struct Rectangle final : Shape {
  int a, b;
  int *history = new int[8]();
  Rectangle(int a, int b) : a(a), b(b) {}
  ~Rectangle() override { delete[] history; }
  int area() const override { return a * b + history[0]; }
};

struct alignas(64) Line {
  int words[16];
};

struct Counted {
  int value = 1;
  Counted() { alive++; }
  ~Counted() { alive--; }
};

} // namespace

extern "C" {

// n shapes in an array of pointers, half of them with an array inside; the sum of their areas
int EXPORT(shapes)(int n) {
  Shape **all = new Shape *[n];
  for (int i = 0; i < n; i++) all[i] = i & 1 ? static_cast<Shape *>(new Rectangle(i, 2)) : new Square(i);
  int sum = 0;
  for (int i = 0; i < n; i++) sum += all[i]->area();
  for (int i = 0; i < n; i++) delete all[i];
  delete[] all;
  return sum;
}

// The same, with a rectangle forgotten: three blocks, with the array inside it and that of pointers
int EXPORT(forget)(int n) {
  Shape **all = new Shape *[n];
  for (int i = 0; i < n; i++) all[i] = i == 1 ? static_cast<Shape *>(new Rectangle(i, 2)) : new Square(i);
  int sum = 0;
  for (int i = 0; i < n; i++) sum += all[i]->area();
  for (int i = 0; i < n; i++)
    if (i != 1) delete all[i];
  return sum;
}

// An array of objects with destructors, which has their number in front
int EXPORT(array)(int n) {
  Counted *all = new Counted[n];
  int sum = 0;
  for (int i = 0; i < n; i++) sum += all[i].value;
  delete[] all;
  return sum;
}

// The address of an object that is aligned to 64 bytes, which is then deleted
size_t EXPORT(line)() {
  Line *line = new Line();
  size_t at = reinterpret_cast<size_t>(line) + line->words[0];
  delete line;
  return at;
}

// 1 if new (std::nothrow) of so many bytes is null, else 0
int EXPORT(quiet)(size_t size) {
  char *p = new (std::nothrow) char[size];
  __asm__ volatile("" : "+r"(p));
  if (!p) return 1;
  delete[] p;
  return 0;
}

// Constructors less destructors that have run
int EXPORT(objects)() { return alive; }

void __cxa_pure_virtual() { __builtin_trap(); }
int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }
}
