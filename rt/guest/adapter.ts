/**
 * The adapter of a guest: it serves the guest's `malloc` and `free` by whatever region is current on the guest's heap.
 *
 * Guarantees: a block goes back to the allocator that it came from, wherever it is freed; what is freed that is no block changes
 * nothing here. Costs: a call out of the guest and back for each request, unless the allocator is one that the guest's own code
 * knows (`switches.ts`).
 *
 * @module
 */

import { Allocator, type AnyAllocator } from "../../allocator.ts";
import { ADDRESS_SPACE } from "../../errors.ts";
import type { Gauge } from "../../gauge.ts";
import type { Heap, Ptr } from "../../heap.ts";
import type { AnyLayer } from "../../layer.ts";
import { isAmbient, onSwitch, servedOn, topOn } from "../../region.ts";
import { Area } from "./area.ts";
import type { Blocks } from "../abi/blocks.ts";
import { LARGE, type Ledger, type Whole } from "./ledger.ts";
import { type About, type Originals, OwnAllocator } from "./own_allocator.ts";
import { type Fate, Slots } from "./slots.ts";
import { Strays } from "./strays.ts";
import { type Controls, SMALL } from "./switches.ts";

/** State of a layer that the guest's own code knows. */
export interface Native {
  /** What it counts, and its slot. */
  readonly area: Area;
  /** What it had counted when it was closed. */
  figures: Gauge | undefined;
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
  readonly own: OwnAllocator;
  /** What has been freed that was no block which is known. */
  readonly strays: Strays;
  /** What the guest's own allocator has served since the last request, which layers above may have moved. */
  latest: Ptr = 0;

  readonly #memory: WebAssembly.Memory;
  readonly #controls: Controls | undefined;
  /** Whether its own allocator serves it, below whatever else. */
  readonly #watched: boolean;
  readonly #slots: Slots;
  /** The layers that have such states, by `get`: whether the guest's own code knows them. */
  readonly #natives: WeakMap<AnyLayer["get"], boolean> = new WeakMap();
  /** Where lists of the guest's own code may have blocks: up to there. */
  #reached: Ptr = 0;
  /** Bytes that the guest asks for now, -1 while it asks for none. */
  #asked = -1;
  /** Aligned blocks that the guest has cut out of ones which layers have not given back yet, by those. */
  readonly #cuts: Map<Ptr, Ptr> = new Map();
  /** The allocator that was asked for its slot last. */
  #recent: AnyAllocator | undefined;
  #recentSlot = 0;
  /** Why it must not be handed others' blocks, once that has been asked for. */
  readonly #missing: About["missing"];
  #mixes = false;
  #ground: AnyAllocator | undefined;
  /** What serves now, or undefined while that has to be looked up at each call. */
  #current: AnyAllocator | undefined;
  /** Its slot, if the guest's own code knows it. */
  #native = 0;
  /** The figures that the guest's own code has in hand. */
  #bound: Area | undefined;

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
    about: About,
  ) {
    this.name = name;
    this.heap = heap;
    this.ledger = ledger;
    this.#memory = memory;
    this.#controls = controls;
    this.#watched = watched;
    this.#missing = about.missing;
    this.own = new OwnAllocator(originals, about, memory, () => this.#steer());
    this.strays = new Strays(heap, this.own, () => this.ground);
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
    if (slot === 0) return this.#isCut(p) ? undefined : this.strays.free(p);
    const a = this.#slots.ownerOf(slot), size = ledger.sizeOf(p), whole = ledger.wholeOf(p);
    ledger.delete(p);
    if (a === undefined) {
      if (this.#slots.fateOf(slot) === "original") this.putOwn(whole?.p ?? p);
      return;
    }
    try {
      a._put(a.state, whole?.p ?? p, whole?.size ?? size);
    } catch (e) {
      if (!a.closed) ledger.set(p, size, slot, whole); // refused: it is still out
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
    if (a === undefined || a.layer.resize === undefined || this.ledger.wholeOf(p) !== undefined) return false;
    if (!a.layer.resize(a.state, p, this.ledger.sizeOf(p), size)) return false;
    this.ledger.set(p, size, slot);
    return true;
  }

  /** @inheritDoc */
  move(p: Ptr, old: number, size: number, align: number): Ptr {
    if (old < 0) return this.strays.move(p, size);
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
    const bytes = beyond ? size + align : size;
    const p = bytes < ADDRESS_SPACE ? a._get(a.state, bytes, beyond ? 16 : align) : 0;
    this.#asked = -1;
    if (p === 0) return 0;
    if (this.#watched && !this.#mixes && (beyond || p !== this.latest)) this.#assertMixes(a, p, bytes);
    return beyond
      ? this.#enter(Math.ceil(p / align) * align, size, slot, { p, size: bytes })
      : this.#enter(p, size, slot);
  }

  /**
   * What the guest's own code has allocated and could not enter, as the ledger was too short for it: 0 if there is no such
   * block, and `get` is to be called.
   */
  late(size: number): Ptr {
    if (this.#bound === undefined) return 0; // a global costs more than the rest
    const pending = this.#controls!.pending, p = pending.value >>> 0;
    if (p === 0) return 0;
    pending.value = 0;
    this.latest = p;
    this.#current!.state.area.countIn(size);
    return this.#enter(p, size, this.#native);
  }

  // The guest's own allocator

  /** A block that it serves, or 0: for the guest it is aligned as ever, while a layer that asks for other sizes may need more. */
  getOwn(size: number): Ptr {
    return this.own.get(size, size !== this.#asked);
  }

  /** Takes back a block that it has served. */
  putOwn(p: Ptr): void {
    const cut = this.#cuts.get(p);
    if (cut === undefined) return this.own.put(p);
    this.#cuts.delete(p);
    this.own.free(cut);
  }

  /** Memory from it for others to hand out: the ledger has room for all of that. */
  more(bytes: number): Ptr {
    const p = this.own.lend(bytes);
    if (p !== 0) this.cover();
    return p;
  }

  /** Resizes a block that it has served, and that the ledger has, as it does that itself; 0 if it cannot. */
  reallocate(p: Ptr, size: number): Ptr {
    const slot = this.ledger.slotOf(p), old = this.ledger.sizeOf(p);
    const { area } = this.#slots.ownerOf(slot)!.state as Native;
    const q = this.own.run("realloc", p, size);
    if (q === 0 && size > 0) return 0;
    if (q === p) area.countResize(old, size);
    else {
      if (q !== 0) area.countIn(size); // else it has freed it, as some do for no bytes
      this.ledger.delete(p);
      area.countOut(old);
    }
    this.latest = q;
    return q === 0 ? 0 : this.#enter(q, size, slot);
  }

  /** Whether a block is one that the guest's own allocator has served, with nothing in between. */
  isOriginal(p: Ptr): boolean {
    const slot = this.ledger.slotOf(p), slots = this.#slots;
    return slots.isNative(slot) && slots.fateOf(slot) === "original" && slots.ownerOf(slot) !== undefined &&
      this.ledger.wholeOf(p) === undefined;
  }

  /** A layer gives back to it what the guest has: that is gone. */
  released(p: Ptr): void {
    if (this.ledger.slotOf(p) !== 0) this.ledger.assign(p, this.#slots.gone);
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
    const { ledger } = this,
      on = area !== undefined && !this.own.inside && (this.#watched || this.#reached <= ledger.end);
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

  /** Enters a block at `p`. `whole`: what its stack has given for it, if it lies in a larger one. */
  #enter(p: Ptr, size: number, slot: number, whole?: Whole): Ptr {
    if (!this.ledger.covers(p)) this.cover();
    this.ledger.set(p, size, slot, whole);
    // What is not the guest's own, or no more at that address, it could not take back
    if (this.#watched && (whole?.p ?? p) !== this.latest) this.#slots.doom(slot);
    return p;
  }

  /** Frees an aligned block that the guest has cut out of one of its own allocator's, if it is one. */
  #isCut(p: Ptr): boolean {
    const { ledger } = this, whole = ledger.around(p), slot = whole === 0 ? 0 : ledger.slotOf(whole);
    if (slot === 0 || this.#slots.fateOf(slot) !== "original" || ledger.wholeOf(whole)) return false;
    const a = this.#slots.ownerOf(slot), size = ledger.sizeOf(whole);
    ledger.delete(whole);
    if (a === undefined) this.own.free(p);
    else {
      this.#cuts.set(whole, p);
      try {
        a._put(a.state, whole, size);
      } catch (e) {
        this.#cuts.delete(whole);
        if (!a.closed) ledger.set(whole, size, slot); // refused: it is still out
        throw e;
      }
    }
    return true;
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
