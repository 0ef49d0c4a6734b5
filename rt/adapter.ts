/**
 * The adapter of a guest: it serves the guest's `malloc` and `free` by whatever region is current on the guest's heap.
 *
 * Guarantees: a block goes back to the allocator that it came from, wherever it is freed; what is freed that is no block changes
 * nothing here. Costs: a call out of the guest and back for each request, unless the allocator is one that the guest's own code
 * knows (`switches.ts`).
 *
 * @module
 */

import { Allocator, type AnyAllocator } from "../allocator.ts";
import { ADDRESS_SPACE } from "../errors.ts";
import type { Gauge } from "../gauge.ts";
import type { Heap, Ptr } from "../heap.ts";
import type { AnyLayer } from "../layer.ts";
import { ForeignFreeError } from "../memory_errors.ts";
import { isAmbient, onSwitch, servedOn, top, topOn } from "../region.ts";
import { Area } from "./area.ts";
import type { Blocks } from "./blocks.ts";
import { LARGE, type Ledger } from "./ledger.ts";
import { type Fate, Slots } from "./slots.ts";
import { type Controls, SMALL } from "./switches.ts";

/** The functions of a guest's own allocator, by their names in C. */
export type Originals = Readonly<Record<string, ((...args: number[]) => number) | undefined>>;

/** State of a layer that the guest's own code knows. */
export interface Native {
  /** What it counts, and its slot. */
  readonly area: Area;
  /** What it had counted when it was closed. */
  figures: Gauge | undefined;
}

/** What is known of a guest and its own allocator. */
export interface About {
  /** Functions of that which call others of it. */
  readonly nested: ReadonlySet<string>;
  /** Why the guest must not be handed other blocks than those of that, if it must not. */
  missing(): string | undefined;
  /** Where its data ends. */
  readonly dataEnd: Ptr;
}

/** A block that its stack cannot align as it has been asked for: it lies in a larger one. */
interface Larger {
  readonly p: Ptr;
  readonly size: number;
}

/** Serves a guest. */
export class Adapter implements Blocks {
  /** What the guest is called. */
  readonly name: string;
  /** The guest's memory. */
  readonly heap: Heap;
  /** Its blocks. */
  readonly ledger: Ledger;
  /** Its own allocator, if it has one. */
  readonly originals: Originals;
  /** Frees of what was no block that is known. */
  strays = 0;
  /** What the guest's own allocator has served since the last request, which layers above may have moved. */
  latest: Ptr = 0;

  readonly #memory: WebAssembly.Memory;
  readonly #controls: Controls | undefined;
  /** Whether its own allocator serves it, below whatever else. */
  readonly #watched: boolean;
  readonly #slots: Slots;
  /** The layers that have such states, by `get`: whether the guest's own code knows them. */
  readonly #natives: WeakMap<AnyLayer["get"], boolean> = new WeakMap();
  /** What of its own allocator's memory is handed out by others. */
  readonly #ranges: [start: Ptr, end: Ptr][] = [];
  /** Where lists of the guest's own code may have blocks: up to there. */
  #reached: Ptr = 0;
  readonly #larger: Map<Ptr, Larger> = new Map();
  /** Bytes that the guest asks for now. */
  #asked = 0;
  /** Blocks that lie 8 bytes behind the start of its own allocator's, and that. */
  readonly #shifted: Map<Ptr, Ptr> = new Map();
  /** What has been cut out of the block that is being freed. */
  #instead: Ptr = 0;
  /** The allocator that was asked for its slot last. */
  #recent: AnyAllocator | undefined;
  #recentSlot = 0;
  /** Functions of its own allocator that call others of it. */
  readonly #nested: ReadonlySet<string>;
  /** Why it must not be handed others' blocks, once that has been asked for. */
  readonly #missing: About["missing"];
  #mixes = false;
  /** Where blocks can be of before it was served. */
  readonly #older: readonly [start: Ptr, end: Ptr];
  #ground: AnyAllocator | undefined;
  /** What serves now, or undefined while that has to be looked up at each call. */
  #current: AnyAllocator | undefined;
  /** Its slot, if the guest's own code knows it. */
  #native = 0;
  /** The figures that the guest's own code has in hand. */
  #bound: Area | undefined;
  /** Whether the guest's own allocator is at work, whose calls of itself are its own affair. */
  #inside = false;

  /**
   * An adapter for a memory.
   *
   * @param watched Whether its own allocator serves, below whatever else
   * @param about What else is known of the guest
   */
  constructor(
    name: string,
    heap: Heap,
    memory: WebAssembly.Memory,
    originals: Originals,
    ledger: Ledger,
    controls: Controls | undefined,
    watched: boolean,
    { nested, missing, dataEnd }: About,
  ) {
    this.name = name;
    this.heap = heap;
    this.ledger = ledger;
    this.originals = originals;
    this.#memory = memory;
    this.#controls = controls;
    this.#watched = watched;
    this.#nested = nested;
    this.#missing = missing;
    this.#older = [dataEnd, memory.buffer.byteLength];
    this.#slots = new Slots(name, ledger);
    adapterOf.set(heap, this);
    ledger.reach(memory.buffer.byteLength);
  }

  /** What serves where no region of this heap is current. */
  get ground(): AnyAllocator {
    return this.#ground!;
  }

  /** Begins to serve. */
  start(ground: AnyAllocator): void {
    this.#ground = ground;
    this.#claim(ground); // as it has blocks whenever there are too many others
    adapters.add(new WeakRef(this));
    onSwitch(syncAll);
    this.sync();
  }

  /** Closes what serves where no region is current. What is watched goes on, with `bottom` alone. */
  end(bottom: AnyLayer, close: () => void): void {
    if (this.#watched) {
      const a: AnyAllocator = new Allocator(bottom);
      a._enter(undefined);
      this.#claim(a);
      this.#ground = a;
      this.sync();
    }
    close();
  }

  /** Takes note of what serves now. Never throws, as it is called in the middle of entering and leaving. */
  sync(): void {
    const a = isAmbient() ? undefined : servedOn(this.heap, this.ground);
    if (a === this.#current && a !== undefined) return;
    this.#current = a;
    this.#native = a !== undefined && this.#natives.get(a._get) === true ? this.#claim(a) : 0;
    this.#steer();
  }

  // Blocks

  /** @inheritDoc */
  get(size: number, align: number): Ptr {
    const a = this.#serving();
    this.#assertOpen(a);
    return this.#take(a, size, align);
  }

  /** @inheritDoc */
  put(p: Ptr): void {
    const { ledger } = this, slot = ledger.slotOf(p);
    if (slot === 0) return this.#stray(p);
    const a = this.#slots.ownerOf(slot), size = ledger.sizeOf(p), larger = this.#larger.get(p);
    ledger.delete(p);
    if (larger !== undefined) this.#larger.delete(p);
    if (a === undefined) {
      if (this.#slots.fateOf(slot) === "original") this.free(larger?.p ?? p);
      return;
    }
    try {
      a._put(a.state, larger?.p ?? p, larger?.size ?? size);
    } catch (e) {
      if (!a.closed) { // refused: it is still out
        ledger.set(p, size, slot);
        if (larger !== undefined) this.#larger.set(p, larger);
      }
      throw e;
    }
  }

  /** @inheritDoc */
  sizeOf(p: Ptr): number {
    return this.ledger.sizeOf(p);
  }

  /** @inheritDoc */
  resize(p: Ptr, size: number): boolean {
    const slot = this.ledger.slotOf(p), a = this.#slots.ownerOf(slot);
    if (a === undefined || a.layer.resize === undefined || this.#larger.has(p)) return false;
    if (!a.layer.resize(a.state, p, this.ledger.sizeOf(p), size)) return false;
    this.ledger.set(p, size, slot);
    return true;
  }

  /** @inheritDoc */
  move(p: Ptr, old: number, size: number, align: number): Ptr {
    if (old < 0) return this.#moveStray(p, size);
    const a = this.#slots.ownerOf(this.ledger.slotOf(p)) ?? this.#serving(), least = Math.min(old, size);
    this.#assertOpen(a);
    const q = this.#take(a, size, align);
    if (q === 0) return 0;
    if (Math.max(p, q) + least > this.heap.u8.length) this.heap.refresh(); // threads share it, and the guest has grown it
    this.heap.u8.copyWithin(q, p, p + least);
    this.put(p);
    return q;
  }

  /** A block from an allocator: in a larger one, if that cannot align it so. */
  #take(a: AnyAllocator, size: number, align: number): Ptr {
    const slot = this.#claim(a), beyond = align > 16 && align > (a.layer.maxAlign ?? 16);
    this.latest = 0;
    this.#asked = size;
    if (!beyond) {
      const p = a._get(a.state, size, align);
      if (p !== this.latest && this.#watched && !this.#mixes && p !== 0) this.#assertMixes(a, p, size);
      return p === 0 ? 0 : this.#enter(p, size, slot, p);
    }
    const bytes = size + align, p = bytes < ADDRESS_SPACE ? a._get(a.state, bytes, 16) : 0;
    if (p === 0) return 0;
    const q = Math.ceil(p / align) * align;
    this.#enter(q, size, slot, p);
    this.#larger.set(q, { p, size: bytes });
    return q;
  }

  /**
   * What the guest's own code has allocated and could not enter, as the ledger was too short for it: 0 if there is no such
   * block, and `get` is to be called.
   */
  late(size: number): Ptr {
    const pending = this.#controls?.pending, p = pending === undefined ? 0 : pending.value >>> 0;
    if (p === 0) return 0;
    pending!.value = 0;
    this.latest = p;
    this.#current!.state.area.countIn(size);
    return this.#enter(p, size, this.#native, p);
  }

  // The guest's own allocator

  /** Whether it is at work now: what it calls of itself is its own affair. */
  get inside(): boolean {
    return this.#inside;
  }

  /** Calls a function of it, which may call others of it. */
  inOriginal(name: string, ...args: number[]): number {
    const before = this.#inside;
    this.#inside = true;
    this.#steer();
    try {
      return this.originals[name]!(...args) >>> 0;
    } finally {
      this.#inside = before;
      this.#steer();
    }
  }

  /** Calls a function of it. */
  original(name: string, ...args: number[]): number {
    return this.#nested.has(name) ? this.inOriginal(name, ...args) : this.originals[name]!(...args) >>> 0;
  }

  /**
   * A block that it serves, or 0. Where it aligns to 8 bytes, that is as good as ever for the guest; a layer that asks for other
   * sizes than the guest does may depend on 16.
   */
  own(size: number): Ptr {
    const p = this.original("malloc", size);
    if ((p & 8) === 0 || size === this.#asked) return p;
    this.original("free", p);
    const from = size + 8 < ADDRESS_SPACE ? this.original("malloc", size + 8) : 0;
    if ((from & 8) === 0) return from;
    this.#shifted.set(from + 8, from);
    return from + 8;
  }

  /** Takes back a block that it has served. */
  free(p: Ptr): void {
    const from = this.#shifted.get(p) ?? p;
    if (from !== p) this.#shifted.delete(p);
    this.original("free", this.#instead || from);
  }

  /** Memory from it for others to hand out: the ledger has room for all of that. */
  more(bytes: number): Ptr {
    const p = this.inOriginal("malloc", bytes);
    if (p === 0) return 0;
    this.#ranges.push([p, p + bytes]);
    this.cover();
    return p;
  }

  /** Resizes a block that it has served, and that the ledger has, as it does that itself; 0 if it cannot. */
  reallocate(p: Ptr, size: number): Ptr {
    const slot = this.ledger.slotOf(p), old = this.ledger.sizeOf(p);
    const { area } = this.#slots.ownerOf(slot)!.state as Native;
    const q = this.inOriginal("realloc", p, size);
    if (q === 0 && size > 0) return 0;
    if (q === p) area.countResize(old, size);
    else {
      if (q !== 0) area.countIn(size); // else it has freed it, as some do for no bytes
      this.ledger.delete(p);
      area.countOut(old);
    }
    this.latest = q;
    return q === 0 ? 0 : this.#enter(q, size, slot, q);
  }

  /** Whether a block is one that the guest's own allocator has served, with nothing in between. */
  isOriginal(p: Ptr): boolean {
    const slot = this.ledger.slotOf(p), slots = this.#slots;
    return slots.isNative(slot) && slots.fateOf(slot) === "original" && slots.ownerOf(slot) !== undefined &&
      !this.#larger.has(p);
  }

  /** A layer gives back to it what the guest has: that is gone. */
  released(p: Ptr): void {
    if (this.ledger.slotOf(p) !== 0) this.ledger.set(p, this.ledger.sizeOf(p), this.#slots.gone);
  }

  // Layers that the guest's own code knows

  /** Makes one known: the guest's own code knows `original` where the guest is watched, `front` where it is not. */
  adopt<L extends AnyLayer>(name: "original" | "front", layer: L): L {
    this.#natives.set(layer.get, (name === "original") === this.#watched);
    return layer;
  }

  /** A state for such a layer. `fate`: what becomes of blocks that are out when it is closed. */
  open(fate: Fate): Native {
    return { area: new Area(this.ledger.memory, this.#slots.open(fate)), figures: undefined };
  }

  /** That state is not used any more. */
  close(s: Native): void {
    s.figures = s.area.gauge();
    this.#slots.close(s.area.slot);
    if (this.#native === s.area.slot) this.#steer();
  }

  /** Its lists are to have blocks up to that address, which the guest's own code will look up. */
  reach(end: Ptr): void {
    if (end <= this.#reached) return;
    this.#reached = end;
    if (end > this.ledger.end) this.cover();
  }

  /** The memory has grown: the ledger has to be long enough for it. */
  cover(): void {
    this.ledger.reach(this.#memory.buffer.byteLength);
    this.#steer();
  }

  /** Tells the guest's own code what it has to do. */
  #steer(): void {
    const controls = this.#controls, a = this.#current;
    if (controls === undefined) return;
    const area = a !== undefined && !a.closed && this.#native !== 0 ? (a.state as Native).area : undefined;
    if (area !== this.#bound) {
      this.#bound?.unbind();
      area?.bind(controls);
      this.#bound = area;
    }
    const { ledger } = this, on = area !== undefined && !this.#inside && (this.#watched || this.#reached <= ledger.end);
    controls.limit.value = on ? (this.#watched ? LARGE : SMALL + 1) : 0;
    controls.cover.value = on ? ledger.covered : 0;
  }

  /** What serves now. */
  #serving(): AnyAllocator {
    return this.#current ?? topOn(this.heap, this.ground);
  }

  #assertOpen(a: AnyAllocator): void {
    if (a.closed) throw new Error(`Cannot serve the guest ${this.name}: it has been closed`);
  }

  /** Throws, and gives a block back, if it may come to functions of the guest's own allocator that were not found. */
  #assertMixes(a: AnyAllocator, p: Ptr, size: number): void {
    const why = this.#missing();
    if (why !== undefined) {
      a._put(a.state, p, size);
      throw new Error(`Cannot serve the guest ${this.name} by such a stack: ${why}`);
    }
    this.#mixes = true;
  }

  /** Enters a block at `p`, for which its stack has given what is at `from`. */
  #enter(p: Ptr, size: number, slot: number, from: Ptr): Ptr {
    if (!this.ledger.covers(p)) this.cover();
    this.ledger.set(p, size, slot);
    if (this.#larger.size > 0) this.#larger.delete(p);
    // What is not the guest's own, or no more at that address, it could not take back
    if (this.#watched && from !== this.latest) this.#slots.doom(slot);
    return p;
  }

  /** Frees what is no block that is known: from before, from a function that was not found, or by mistake. */
  #stray(p: Ptr): void {
    if (this.#isCut(p) || this.#accuse(p)) return;
    this.strays++;
    if (this.originals.free !== undefined && !this.#isHandedOut(p)) this.original("free", p);
  }

  /** Resizes what is no block that is known, as far as the guest's own allocator knows it. */
  #moveStray(p: Ptr, size: number): Ptr {
    if (this.#accuse(p)) return 0;
    this.strays++;
    return this.originals.realloc === undefined || this.#isHandedOut(p) ? 0 : this.inOriginal("realloc", p, size);
  }

  /** Whether memory of others is there, of which its own allocator must not hear. */
  #isHandedOut(p: Ptr): boolean {
    return this.#ranges.some(([start, end]) => p >= start && p < end);
  }

  /** Frees an aligned block that the guest has cut out of one of its own allocator's, if it is one. */
  #isCut(p: Ptr): boolean {
    const { ledger } = this, whole = ledger.around(p), slot = whole === 0 ? 0 : ledger.slotOf(whole);
    if (slot === 0 || this.#slots.fateOf(slot) !== "original" || this.#larger.has(whole)) return false;
    const a = this.#slots.ownerOf(slot), size = ledger.sizeOf(whole);
    ledger.delete(whole);
    if (a === undefined) this.original("free", p);
    else {
      this.#instead = p;
      try {
        a._put(a.state, whole, size);
      } finally {
        this.#instead = 0;
      }
    }
    return true;
  }

  /**
   * Has a layer that looks for misuse say what is wrong with freeing what is there, if one serves, which throws that. What may be
   * of before is left to the guest. True if it is a block that was had from that layer elsewhere, and is freed.
   */
  #accuse(p: Ptr): boolean {
    const a = this.#looking();
    if (a === undefined) return false;
    const { layer, state } = a, size = layer.owns?.(state, p) ? layer.sizeOf?.(state, p) : undefined;
    try {
      a._put(state, p, size ?? 0);
    } catch (e) {
      if (e instanceof ForeignFreeError && this.#isOlder(p)) return false;
      throw e;
    }
    return true;
  }

  /** The innermost allocator here that looks for misuse. */
  #looking(): AnyAllocator | undefined {
    for (let a: AnyAllocator | undefined = top(); a !== undefined; a = a._outside) {
      if (a.heap === this.heap && !a.closed && a.layer.verify !== undefined) return a;
    }
    const { ground } = this;
    return ground.closed || ground.layer.verify === undefined ? undefined : ground;
  }

  /** Whether the guest's own allocator can have served that before it was watched, or replaced. */
  #isOlder(p: Ptr): boolean {
    const [start, end] = this.#older;
    return p >= start && p < end && p % 8 === 0 && this.originals.free !== undefined && !this.#isHandedOut(p);
  }

  /** The slot of an allocator, which it has from now on. */
  #claim(a: AnyAllocator): number {
    if (a === this.#recent) return this.#recentSlot;
    let slot = this.#slots.of(a);
    if (slot === 0) {
      slot = this.#natives.has(a._get)
        ? this.#slots.own((a.state as Native).area.slot, a)
        : this.#slots.add(a, this.#watched ? "original" : "gone");
      if (a.layer.reset !== undefined) this.#followResets(a);
    }
    this.#recent = a;
    return this.#recentSlot = slot;
  }

  /** After a reset, the guest may still free blocks that are gone. */
  #followResets(a: AnyAllocator): void {
    const { reset } = a;
    a.reset = () => {
      reset.call(a);
      const slot = this.#slots.renew(a);
      this.#recent = undefined;
      if (this.#natives.has(a._get)) (a.state as Native).area.move(slot);
      if (a === this.#current && this.#native !== 0) this.#native = slot;
    };
  }
}

const adapters: Set<WeakRef<Adapter>> = new Set();
const adapterOf: WeakMap<Heap, Adapter> = new WeakMap();

/** The adapter of the guest whose heap it is. A `TypeError` if it is nobody's. */
export function adapterOn(heap: Heap, what: string): Adapter {
  const adapter = adapterOf.get(heap);
  if (adapter === undefined) throw new TypeError(`Cannot compose ${what}: expected the heap of a guest`);
  return adapter;
}

function syncAll(): void {
  for (const ref of adapters) {
    const adapter = ref.deref();
    if (adapter === undefined) adapters.delete(ref);
    else adapter.sync();
  }
}
