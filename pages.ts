/**
 * Page bookkeeping: which 4 KiB pages of a heap are free.
 *
 * Guarantees: address-ordered first fit, exact (memory is never asked to grow while a free run is long enough), every
 * freed run merges with free neighbours at once, and a run that was not handed out is refused. An aligned run is cut
 * from the first free run of that length if it has one in it, otherwise from the first that is so long that it must,
 * otherwise from the tail. Costs: O(1) at the tail of the memory, O(log pages) elsewhere; 12 bytes a page, kept outside
 * the heap.
 *
 * ```
 *  0      first                          tail               limit
 *  |  not  | used | free run | used | ... | never used, or    |
 *  |  ours |      |          |      |     | used and returned |
 * ```
 *
 * Free runs below the tail are found by a tree of maxima over the pages: the leaf of a page holds the length of the
 * free run that starts there, a node the longest run below it.
 *
 * @module
 */

const USED = 0x80000000;

/** Free and used runs of pages, by page number. It moves no memory: a {@linkcode Heap} does. */
export class Pages {
  /** Page after the last used one: from here to `limit` everything is free. */
  tail: number;
  /** Number of pages the memory has. */
  limit: number;
  /** Page from which on none has been used yet. */
  fresh: number;
  #size = 64;
  /** `tree[size + page]`: length in pages of the free run that starts at `page`; `tree[i]`: max of both children. */
  #tree: Uint32Array = new Uint32Array(2 * this.#size);
  /** By page: at the start of a used run its length with USED; at the last page of a free run its length; else 0. */
  #tags: Uint32Array = new Uint32Array(this.#size);

  /** Free are the pages `first` up to `limit`; those from `fresh` on have never been used. */
  constructor(first: number, limit: number, fresh: number = first) {
    this.tail = first;
    this.limit = limit;
    this.fresh = fresh;
  }

  /** First page of a run of `n` that starts on a multiple of `align`, or -1 when there is none. */
  get(n: number, align = 1): number {
    if (align !== 1) return this.#getAligned(n, align);
    let page = this.tail;
    if (this.#tree[1] >= n) {
      page = this.#leftmost(n);
      this.#take(page, n);
    } else {
      if (n > this.limit - page) return -1;
      if (page + n > this.#size) this.#reach(page + n);
      this.#moveTail(page + n);
    }
    this.#tags[page] = USED | n;
    return page;
  }

  /** Frees a run that `get` handed out; false, and nothing happens, if `page` and `n` are not such a run. */
  put(page: number, n: number): boolean {
    if (page >= this.tail || !this.isOut(page, n)) return false;
    this.#tags[page] = 0;
    this.#release(page, page + n);
    return true;
  }

  /** Frees a run that is not free, and merges it with its neighbours. */
  #release(page: number, end: number): void {
    const before = page > 0 ? this.#tags[page - 1] : 0;
    if (before !== 0 && before < USED) {
      page -= before;
      this.#set(page, 0);
      this.#tags[page + before - 1] = 0;
    }
    if (end < this.tail) {
      const after = this.#tree[this.#size + end];
      if (after !== 0) {
        this.#set(end, 0);
        end += after;
      }
      this.#free(page, end);
    } else this.tail = page;
  }

  /** Lengthens the used run of `n` pages at `page` by `more` pages in place; false if they are not free. */
  extend(page: number, n: number, more: number): boolean {
    if (!this.isOut(page, n)) return false;
    const end = page + n;
    if (end === this.tail) {
      if (more > this.limit - end) return false;
      if (end + more > this.#size) this.#reach(end + more);
      this.#moveTail(end + more);
    } else {
      if (this.#tree[this.#size + end] < more) return false;
      this.#take(end, more);
    }
    this.#tags[page] = USED | (n + more);
    return true;
  }

  /** Shortens the used run of `n` pages at `page` to `to` pages; false, and nothing happens, if it is not such a run. */
  cut(page: number, n: number, to: number): boolean {
    if (!this.isOut(page, n)) return false;
    if (to < n) {
      this.#tags[page] = USED | to;
      this.#tags[page + to] = USED | (n - to);
      this.put(page + to, n - to);
    }
    return true;
  }

  /**
   * The pages `from` up to `limit` are free now, too. If they start above the old limit, the gap is somebody else's; if
   * below, they were in such a gap.
   */
  grown(from: number, limit: number): void {
    const end = Math.min(limit, this.tail);
    if (from < end && from > 0) {
      this.#reach(end + 1);
      this.#release(from, end);
    }
    if (limit <= this.limit) return;
    if (from > this.limit) {
      this.#reach(from);
      const rest = this.tail;
      this.#moveTail(from);
      if (rest < this.limit) this.#free(rest, this.limit);
    }
    this.limit = limit;
  }

  /** Free pages up to the limit, the longest free run among them, and the number of runs. O(pages). */
  get free(): { pages: number; longest: number; runs: number } {
    let pages = this.limit - this.tail, runs = pages > 0 ? 1 : 0;
    for (let i = this.#size; i < this.#size + Math.min(this.tail, this.#size); i++) {
      pages += this.#tree[i];
      if (this.#tree[i] !== 0) runs++;
    }
    return { pages, longest: Math.max(this.#tree[1], this.limit - this.tail), runs };
  }

  /** Whether a run of `n` pages at `page` is out. */
  isOut(page: number, n: number): boolean {
    // Compared as numbers: as 32-bit words, what is no number of pages might look like one
    return n > 0 && this.#tags[page] - USED === n;
  }

  #getAligned(n: number, align: number): number {
    const tree = this.#tree;
    for (const need of [n, n + align - 1]) { // the first run that can have one in it, and the first that must
      if (tree[1] < need) continue;
      const page = this.#leftmost(need), before = -page & (align - 1);
      if (before + n > tree[this.#size + page]) continue;
      this.#take(page, before + n);
      return this.#drop(page, before, n);
    }
    const page = this.tail, before = -page & (align - 1), end = page + before + n;
    if (end > this.limit) return -1;
    if (end > this.#size) this.#reach(end);
    this.#moveTail(end);
    return this.#drop(page, before, n);
  }

  /** Makes what was taken at `page` a used run of `n` pages, and frees the `before` pages in front of it. */
  #drop(page: number, before: number, n: number): number {
    this.#tags[page + before] = USED | n;
    if (before > 0) {
      this.#tags[page] = USED | before;
      this.put(page, before);
    }
    return page + before;
  }

  #moveTail(tail: number): void {
    this.tail = tail;
    if (tail > this.fresh) this.fresh = tail;
  }

  #free(start: number, end: number): void {
    this.#tags[end - 1] = end - start;
    this.#set(start, end - start);
  }

  /** Cuts `n` pages off the front of the free run at `page`. */
  #take(page: number, n: number): void {
    const end = page + this.#tree[this.#size + page];
    this.#tags[end - 1] = 0;
    if (page + n < end) this.#free(page + n, end);
    this.#set(page, 0);
  }

  #leftmost(n: number): number {
    const tree = this.#tree;
    let i = 1;
    while (i < this.#size) {
      i *= 2;
      if (tree[i] < n) i++;
    }
    return i - this.#size;
  }

  #set(page: number, n: number): void {
    const tree = this.#tree;
    let i = this.#size + page;
    tree[i] = n;
    while (i > 1) {
      const other = tree[i ^ 1];
      if (other > n) n = other;
      i >>>= 1;
      if (tree[i] === n) return;
      tree[i] = n;
    }
  }

  /** Makes room for page numbers up to `pages`: the old tree becomes the left half of the new one. */
  #reach(pages: number): void {
    while (this.#size < pages) {
      const old = this.#tree, size = this.#size, tree = new Uint32Array(4 * size);
      for (let level = 1; level <= size; level *= 2) tree.set(old.subarray(level, 2 * level), 2 * level);
      tree[1] = old[1];
      const tags = new Uint32Array(2 * size);
      tags.set(this.#tags);
      this.#tree = tree;
      this.#tags = tags;
      this.#size = 2 * size;
    }
  }
}
