#!/bin/sh
# Builds the guests from traffic.c, with what tests/guests/build.sh needs. By hand, after a change there.
set -eu
cd "$(dirname "$0")"
WASI=${WASI:-/usr/lib/wasm32-wasi}
OBJ=$(mktemp -d)
trap 'rm -r "$OBJ"' EXIT

# Compiled and linked apart: clang would put wasm-opt behind a link of its own, which makes wrappers of entry points
clang --target=wasm32-wasi -O2 -fno-builtin -Wall -Wextra -Werror -c traffic.c -o "$OBJ/traffic.o"
wasm-ld --entry=_initialize -L"$WASI" "$WASI/crt1-reactor.o" --export=malloc --export=free --export=calloc --export=realloc \
  --export=aligned_alloc --export=posix_memalign --strip-debug "$OBJ/traffic.o" -lc -o traffic.wasm

# What it has of the library needs no allocator
mkdir "$OBJ/lib"
(cd "$OBJ/lib" && ar x "$WASI/libc.a" memset.o strlen.o)
wasm-ld --no-entry --allow-undefined --export=__heap_base --strip-debug "$OBJ/traffic.o" "$OBJ"/lib/*.o -o traffic_imports.wasm
chmod 644 ./*.wasm
ls -l ./*.wasm
