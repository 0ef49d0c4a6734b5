/**
 * What programs allocate with: memory by bytes and by type, structs, slices, strings and tables. All of it comes from
 * the current region.
 *
 * @module
 */

export type { Heap, HeapOptions, Ptr } from "../heap.ts";
export { alloc, bytealloc, bytefree, free, mk, OutOfMemoryError, realloc, zalloc, zbytealloc } from "./alloc.ts";
export {
  array,
  type ArrayField,
  type ArrayType,
  type FieldsOf,
  type FieldTypes,
  type Struct,
  struct,
  type StructField,
  type ValuesOf,
} from "./struct.ts";
export {
  bool,
  f32,
  f64,
  type Field,
  i16,
  i32,
  i64,
  i8,
  ptr,
  type Type,
  u16,
  u32,
  u64,
  u8,
  type ValueOf,
} from "./type.ts";
export { Slice } from "./header.ts";
export { slalloc, sldel, slfree, slgrow, slpop, slpush, slput, slzalloc } from "./slice.ts";
export { slcp, sldup, sleq, slfill, slice, sljoin } from "./slices.ts";
export { str, streq, text } from "./string.ts";
export { mksb, sbfin, sbfree, sbputb, sbputc, sbputs, sbputsl, StringBuffer } from "./string_buffer.ts";
export { string, type StringKey } from "./key.ts";
export { htdel, htfree, htget, hthas, htkeys, htlen, htput, mkht, Table } from "./table.ts";
