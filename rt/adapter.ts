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
import type { Gauge } from "../gauge.ts";
import type { Heap, Ptr } from "../heap.ts";
import type { AnyLayer } from "../layer.ts";
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
  /** Functions of the layers that the guest's own code knows: `get`, and what makes room in what a state keeps. */
  readonly #natives: WeakMap<AnyLayer["get"], ((s: Native) => void) | undefined> = new WeakMap();
  /** What of its own allocator's memory is handed out by others. */
  readonly #ranges: [start: Ptr, end: Ptr][] = [];
  /** Where lists of the guest's own code may have blocks: up to there. */
  #reached: Ptr = 0;
  readonly #larger: Map<Ptr, Larger> = new Map();
  #ground: AnyAllocator | undefined;
  /** What serves now, or undefined while that has to be looked up at each call. */
  #current: AnyAllocator | undefined;
  /** Its slot, if the guest's own code knows it. */
  #native = 0;
  /** The figures that the guest's own code has in hand. */
  #bound: Area | undefined;
  /** Whether the guest's own allocator is at work, whose calls of itself are its own affair. */
  #inside = false;

  /** An adapter for a memory. `watched`: its own allocator serves, below whatever else. */
  constructor(
    name: string,
    heap: Heap,
    memory: WebAssembly.Memory,
    originals: Originals,
    ledger: Ledger,
    controls: Controls | undefined,
    watched: boolean,
  ) {
    this.name = name;
    this.heap = heap;
    this.ledger = ledger;
    this.originals = originals;
    this.#memory = memory;
    this.#controls = controls;
    this.#watched = watched;
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
    adapters.add(new WeakRef(this));
    onSwitch(syncAll);
    this.sync();
  }

  /** Takes note of what serves now. Never throws, as it is called in the middle of entering and leaving. */
  sync(): void {
    const a = isAmbient() ? undefined : servedOn(this.heap, this.ground);
    if (a === this.#current && a !== undefined) return;
    this.#current = a;
    this.#native = a !== undefined && this.#natives.has(a._get) ? this.#claim(a) : 0;
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
      if (this.#slots.fateOf(slot) === "original") this.original("free", larger?.p ?? p);
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
    if (!beyond) {
      const p = a._get(a.state, size, align);
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
    const slot = this.ledger.slotOf(p), { fate, native, open } = this.#slots.of(slot);
    return native && open && fate === "original" && !this.#larger.has(p);
  }

  /** A layer gives back to it what the guest has: that is gone. */
  released(p: Ptr): void {
    if (this.ledger.slotOf(p) !== 0) this.ledger.set(p, this.ledger.sizeOf(p), this.#slots.gone);
  }

  // Layers that the guest's own code knows

  /** Makes one known. `tidy` is called for a state that is below its floor. */
  adopt<L extends AnyLayer>(layer: L & { tidy?: (s: Native) => void }): L {
    this.#natives.set(layer.get, layer.tidy);
    return layer;
  }

  /** The guest's own code has gone below the floor of what serves now. */
  tidy(): void {
    const a = this.#current;
    if (a !== undefined && this.#natives.has(a._get)) this.#natives.get(a._get)?.(a.state);
  }

  /** A state for such a layer. `fate`: what becomes of blocks that are out when it is closed. */
  open(fate: Fate): Native {
    const slot = this.#free();
    this.#slots[slot] = { owner: undefined, native: true, fate };
    return { area: new Area(this.ledger.memory, slot), figures: undefined };
  }

  /** That state is not used any more. */
  close(s: Native): void {
    s.figures = s.area.gauge();
    if (this.#currentSlot === s.area.slot) this.#steer();
  }

  #enter(p: Ptr, size: number, slot: number): Ptr {
    if (!this.ledger.covers(p)) this.cover();
    this.ledger.set(p, size, slot);
    // What is not the guest's own, or no more at that address, it could not take back
    if (this.#watched && p !== this.latest && this.#slots[slot].fate === "original") this.#slots[slot].fate = "gone";
    return p;
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
    const area = a !== undefined && !a.closed && this.#slots[this.#currentSlot].native
      ? (a.state as Native).area
      : undefined;
    if (area !== this.#bound) {
      this.#bound?.unbind();
      area?.bind(controls);
      this.#bound = area;
    }
    const on = area !== undefined && !this.#inside;
    controls.limit.value = on ? (this.#watched ? LARGE : SMALL + 1) : 0;
    controls.cover.value = on ? this.ledger.covered : 0;
  }

  /** Frees what is no block that is known: from before, from a function that was not found, or by mistake. */
  #stray(p: Ptr): void {
    const whole = this.ledger.around(p);
    if (whole !== 0 && this.isOriginal(whole)) { // an aligned block, which the guest has cut out of one of its own
      (this.#slots[this.ledger.slotOf(whole)].owner!.state as Native).area.countOut(this.ledger.sizeOf(whole));
      this.ledger.delete(whole);
      this.originals.free!(p);
      return;
    }
    const a = this.#current ?? topOn(this.heap, this.ground);
    if (a.layer.verify !== undefined) return a._put(a.state, p, 0); // which says what is wrong with it
    this.strays++;
    if (!this.#ranges.some(([start, end]) => p >= start && p < end)) this.originals.free?.(p);
  }

  /** Resizes what is no block that is known, as far as the guest's own allocator knows it. */
  #moveStray(p: Ptr, size: number): Ptr {
    const a = this.#current ?? topOn(this.heap, this.ground);
    if (a.layer.verify !== undefined) a._put(a.state, p, 0); // which says what is wrong with it
    this.strays++;
    return this.originals.realloc === undefined ? 0 : this.inOriginal("realloc", p, size);
  }

  /** What a block goes back to: an allocator, the guest's own `free`, or nothing, as it is gone. */
  #ownerOf(slot: number): AnyAllocator | "original" | undefined {
    let { owner, fate } = this.#slots[slot] ?? { owner: undefined, fate: "gone" };
    while (owner !== undefined && owner.closed && fate === "outside") {
      owner = owner._outside;
      fate = this.#slots[owner === undefined ? 0 : this.#claim(owner)]?.fate ?? "gone";
    }
    if (owner !== undefined && !owner.closed) return owner;
    return fate === "original" ? fate : undefined;
  }

  /** The slot of an allocator, which it has from now on. */
  #claim(a: AnyAllocator): number {
    let slot = this.#slotOf.get(a);
    if (slot !== undefined) return slot;
    if (this.#natives.has(a._get)) {
      slot = (a.state as Native).area.slot;
      this.#slots[slot].owner = a;
    } else {
      slot = this.#free();
      const fate = a._accompanies ? "outside" : this.#watched ? "original" : "gone";
      this.#slots[slot] = { owner: a, native: false, fate };
    }
    this.#slotOf.set(a, slot);
    return slot;
  }

  /** A slot that nobody has. */
  #free(): number {
    for (let slot = 1; slot <= MOST_SLOTS; slot++) if (this.#slots[slot] === undefined) return slot;
    const used = new Set<number>();
    this.ledger.forEach((_p, _size, slot) => used.add(slot));
    for (let slot = 1; slot <= MOST_SLOTS; slot++) {
      if (!used.has(slot) && this.#slots[slot].owner?.closed !== false) delete this.#slots[slot];
    }
    const slot = this.#slots.findIndex((known, i) => i > 0 && known === undefined);
    if (slot > 0) return slot;
    throw new Error(`Cannot serve the guest ${this.name}: more than ${MOST_SLOTS} allocators have blocks of it out`);
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
