// Does something wrong with memory
import process from "node:process";
import { bytealloc, bytefree, heap, std } from "../../mod.ts";

const Point = std.struct({ x: std.f32, y: std.f32 });

const p = bytealloc(100);

switch (process.argv[2]) {
  case "overrun":
    heap.u8[p + 100] = 1;
    break;
  case "write after free":
    bytefree(p, 100);
    heap.u8[p] = 1;
    break;
  case "double free":
    bytefree(p, 100);
    bytefree(p, 100);
    break;
  case "use after free": {
    const point = std.mk(Point, { x: 1, y: 2 });
    std.free(Point, point);
    console.log(Point.fields.y.get(point));
  }
}
