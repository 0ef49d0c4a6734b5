/** Slices as `std` would have them if nobody could look at accesses: by the same code, but for that. */

import { type Heap, type Ptr, std } from "../mod.ts";
import { load, store } from "./unguarded_element.ts";

const { u8, i8, u16, i16, u32, i32, f32, f64, u64, i64, bool } = std;
const KINDS: readonly unknown[] = [u8, i8, u16, i16, u32, i32, f32, f64, u64, i64, bool];

/** A slice of scalars. */
export class Unguarded<V> {
  readonly type: std.Type<V>;
  heap: Heap;
  ptr: Ptr;
  len: number;
  cap: number;
  readonly view: boolean;
  readonly _kind: number;

  constructor({ heap, ptr, len, type }: std.Slice<V>) {
    this.type = type;
    this.heap = heap;
    this.ptr = ptr;
    this.len = len;
    this.cap = len;
    this.view = false;
    this._kind = KINDS.indexOf(type);
  }

  /** An engine can tell that these change in some slices, which makes a difference. */
  free(): void {
    Object.assign(this, { heap: this.heap, ptr: 0, len: 0, cap: 0 });
  }

  get(i: number): V {
    if ((i >>> 0) !== i || i >= this.len) throw outOfBounds(this, i);
    return load(this._kind, this.type, this.heap, this.ptr, i);
  }

  set(i: number, value: V): void {
    if ((i >>> 0) !== i || i >= this.len) throw outOfBounds(this, i);
    store(this._kind, this.type, this.heap, this.ptr, i, value);
  }
}

function outOfBounds<V>(s: Unguarded<V>, i: number): Error {
  return new RangeError(`Cannot index a slice of ${s.len} elements: got ${i}`);
}
