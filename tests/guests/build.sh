#!/bin/sh
# Builds the guests that the tests run, from src/ into this folder, where they are committed. By hand, after a change there:
# it needs clang and wasm-ld 14, wasi-libc 0.0~git20220510 and binaryen 108, for rust.wasm a rustc 1.63 (in RUSTC) with its
# standard library for wasm32-unknown-unknown, and for assembly.wasm an assemblyscript 0.28.20 (in ASC). Debian 12 has those
# but the last one, npm that. They build the same bytes again.
set -eu
cd "$(dirname "$0")/src"
RUSTC=${RUSTC:-rustc}
ASC=${ASC:-npx -y -p assemblyscript@0.28.20 asc}
WASI=${WASI:-/usr/lib/wasm32-wasi}
OBJ=$(mktemp -d)
trap 'rm -r "$OBJ"' EXIT

FLAGS="-O2 -fno-builtin -Wall -Wextra -Werror"
ENTRIES="--export=malloc --export=free --export=calloc --export=realloc --export=reallocarray --export=aligned_alloc
  --export=posix_memalign --export=malloc_usable_size"
REACTOR="--entry=_initialize -L$WASI $WASI/crt1-reactor.o"

# Compiled and linked apart: clang would put wasm-opt behind a link of its own, which folds functions that are the same.
clang --target=wasm32 $FLAGS -c imports.c -o "$OBJ/imports.o"
wasm-ld --no-entry --allow-undefined --strip-debug --export=__heap_base "$OBJ/imports.o" -o ../imports.wasm
# The memory is imported, and nothing but the stack pointer says where it is free.
wasm-ld --no-entry --allow-undefined --strip-debug --import-memory "$OBJ/imports.o" -o ../imports_memory.wasm

clang --target=wasm32-wasi $FLAGS -c own.c -o "$OBJ/own.o"
# Every entry point exported, with names
wasm-ld $REACTOR $ENTRIES --strip-debug "$OBJ/own.o" -lc -o ../own.wasm
# Only malloc and free exported, no names: realloc and the others are inside, and nothing says where
wasm-ld $REACTOR --export=malloc --export=free --strip-all "$OBJ/own.o" -lc -o ../own_hidden.wasm
# No entry point exported: names are all there is
wasm-ld $REACTOR --strip-debug "$OBJ/own.o" -lc -o ../own_names.wasm
# Linked as a command: what is exported are wrappers, which the program itself does not call
wasm-ld --no-entry $ENTRIES --strip-debug -L"$WASI" "$OBJ/own.o" -lc -o ../own_command.wasm
# As Emscripten's release builds are: no names, imports and exports renamed
wasm-opt --strip-debug --minify-imports-and-exports ../own.wasm -o ../own_minified.wasm | awk '
  BEGIN { print "{" } / => / { printf "%s  \"%s\": \"%s\"", comma, $1, $3; comma = ",\n" } END { print "\n}" }' \
  > ../own_minified.json
# As clang -O2 makes it where wasm-opt is at hand: malloc and free are wrappers that have been inlined into their callers
wasm-opt -O2 ../own.wasm -o ../own_inlined.wasm
# With DWARF
clang --target=wasm32-wasi $FLAGS -g -fdebug-compilation-dir=. -c own.c -o "$OBJ/own_g.o"
wasm-ld $REACTOR $ENTRIES "$OBJ/own_g.o" -lc -o ../own_dwarf.wasm

clang++ --target=wasm32 $FLAGS -std=c++17 -fno-exceptions -fno-rtti -c operators.cc -o "$OBJ/operators.o"
wasm-ld --no-entry --allow-undefined --strip-debug --export=__heap_base "$OBJ/operators.o" -o ../operators.wasm

# A command for WASI, as clang links it
clang --target=wasm32-wasi $FLAGS -c command.c -o "$OBJ/command.o"
wasm-ld --strip-debug -L"$WASI" "$WASI/crt1-command.o" "$OBJ/command.o" -lc -o ../command.wasm

# Likewise, one that reads files and its standard input, and ends in each way that a command can
clang --target=wasm32-wasi $FLAGS -c wasi_words.c -o "$OBJ/wasi_words.o"
wasm-ld --strip-debug -L"$WASI" "$WASI/crt1-command.o" "$OBJ/wasi_words.o" -lc -o ../wasi_words.wasm
# And without an allocator, which it imports
cp "$WASI/libc.a" "$OBJ/libc.a"
llvm-ar d "$OBJ/libc.a" dlmalloc.o
wasm-ld --strip-debug --allow-undefined "$WASI/crt1-command.o" "$OBJ/wasi_words.o" "$OBJ/libc.a" -o ../wasi_words_imports.wasm

# Not linked by rustc, which would put an allocator in
RUST_TARGET=wasm32-unknown-unknown
$RUSTC --target "$RUST_TARGET" --edition 2021 -O -C panic=abort -C codegen-units=1 --crate-type rlib rust.rs --emit "obj=$OBJ/rust.o"
LIBS=$($RUSTC --print target-libdir --target "$RUST_TARGET")
RUST="--no-entry --allow-undefined --strip-debug --export=__heap_base --export-dynamic"
RLIBS="$(echo "$LIBS"/liballoc-*.rlib "$LIBS"/libcore-*.rlib "$LIBS"/libcompiler_builtins-*.rlib)"
wasm-ld $RUST "$OBJ/rust.o" $RLIBS -o ../rust.wasm
clang --target=wasm32 $FLAGS -c rust_mangled.c -o "$OBJ/rust_mangled.o"
wasm-ld $RUST "$OBJ/rust_mangled.o" "$OBJ/rust.o" $RLIBS -o ../rust_mangled.wasm

# Not optimised, so that the functions of its allocator have names, and are not inlined
cp assembly.as "$OBJ/assembly.ts"
(cd "$OBJ" && $ASC assembly.ts -O0 --debug --exportRuntime --runtime incremental -o assembly.wasm)
cp "$OBJ/assembly.wasm" ..

chmod 644 ../*.wasm
ls -l ..
