import type { Ptr } from "../../mod.ts";
import {
  ARRAY,
  first,
  isList,
  KEY,
  kind,
  kindOf,
  last,
  next,
  NULL,
  STRING,
  Text,
  textLength,
  TRUE,
  value,
} from "./tree.ts";
import { decode } from "./utf8.ts";

type Container = unknown[] | Record<string, unknown>;

/** A tree, or a part of one, as `JSON.parse` would return it: of a key that occurs twice, the last value counts. */
export function toJS(node: Ptr): unknown {
  const k = kindOf("convert", node);
  if (!isList(k)) return scalar(node, k);
  const root: Container = k === ARRAY ? [] : {}, around: Container[] = [];
  let into = root, key = "";
  for (let p = first.get(node) || node; p !== node;) {
    const k = kind.get(p);
    if (k === KEY) {
      key = text(p);
    } else if (!isList(k)) {
      put(into, key, scalar(p, k));
    } else {
      const inner: Container = k === ARRAY ? [] : {};
      put(into, key, inner);
      if (first.get(p) !== 0) {
        around.push(into);
        into = inner;
        p = first.get(p);
        continue;
      }
    }
    for (; p !== node && last.get(p); p = next.get(p)) if (next.get(p) !== node) into = around.pop()!;
    if (p !== node) p = next.get(p);
  }
  return root;
}

function put(into: Container, key: string, value: unknown): void {
  if (Array.isArray(into)) into.push(value);
  else if (key !== "__proto__") into[key] = value;
  else Object.defineProperty(into, key, { value, configurable: true, enumerable: true, writable: true });
}

function scalar(p: Ptr, k: number): unknown {
  if (k === STRING || k === KEY) return text(p);
  return k === NULL ? null : k <= TRUE ? k === TRUE : value.get(p);
}

function text(p: Ptr): string {
  return decode(p + Text.size, textLength.get(p));
}
