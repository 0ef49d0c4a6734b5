// A guest in AssemblyScript, with its allocator (TLSF) and garbage collector inside.

class Node {
  constructor(public value: i32, public next: Node | null) {}
}

let kept: Node[] = [];

/** A list of n nodes, dropped; the sum of their values. */
export function list(n: i32): i32 {
  let head: Node | null = null;
  for (let i = 0; i < n; i++) head = new Node(i, head);
  let sum = 0;
  while (head !== null) {
    sum += head.value;
    head = head.next;
  }
  return sum;
}

/** The length of a text of n pieces. */
export function text(n: i32): i32 {
  let text = "";
  for (let i = 0; i < n; i++) text += i.toString();
  return text.length;
}

/** Keeps n nodes; how many are kept now. */
export function keep(n: i32): i32 {
  for (let i = 0; i < n; i++) kept.push(new Node(i, null));
  return kept.length;
}

/** Keeps none of them. */
export function drop(): void {
  kept = [];
}
