/** A plot of lines, both of its axes logarithmic, as SVG. */

/** A line, with its name at its end. */
export interface Line {
  readonly name: string;
  /** Points, x and y, from the left to the right. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly style: "ours" | "peer" | "baseline";
}

/** One of the plots of a picture: they stand one below the other, with the same axes. */
export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

// Pixels
const WIDTH = 760, HEIGHT = 400, LEFT = 60, RIGHT = 130, TOP = 40, BOTTOM = 50, LABEL = 14;

/** Colours that can be told apart on a light background and on a dark one. */
const COLOURS = {
  ours: ["#2f81f7", "#1a9e6b", "#8a63d2", "#0e9aa7", "#5b7fd6"],
  peer: ["#e5534b", "#d98a00", "#c2568c", "#a8763e"],
  baseline: ["#8b949e", "#8b949e"],
};

const CSS = `
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600 }
.grid { stroke: #8b949e; stroke-opacity: 0.3 }
.line { fill: none; stroke-width: 2 }
.peer { stroke-width: 1.5 }
.baseline { stroke-width: 1.5; stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } }`;

/** Numbers at which a logarithmic axis from `least` to `most` has lines: 1, 2, 5, 10, 20, ... or powers of ten. */
function ticks(least: number, most: number, steps: readonly number[]): number[] {
  const all: number[] = [];
  for (let power = 10 ** Math.floor(Math.log10(least)); power <= most; power *= 10) {
    all.push(...steps.map((step) => step * power));
  }
  return all.filter((x) => x >= least && x <= most);
}

/** Moves what is nearer to each other than the height of a label apart, from the bottom up. */
function spread(at: readonly number[]): number[] {
  const order = at.map((_, i) => i).sort((a, b) => at[b] - at[a]), placed = [...at];
  let last = Infinity;
  for (const i of order) last = placed[i] = Math.min(at[i], last - LABEL);
  return placed;
}

/** The plots, as the text of an SVG file. `x` and `y` are the titles of the axes, with their units. */
export function plot(panels: readonly Panel[], x: string, y: string): string {
  const points = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points));
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)],
    [low, high] = [Math.min(...ys) / 1.2, Math.max(...ys) * 1.2];
  const scale = (value: number, from: number, to: number) => Math.log(value / from) / Math.log(to / from);
  const px = (x: number) => LEFT + scale(x, left, right) * (WIDTH - LEFT - RIGHT);
  const py = (y: number) => HEIGHT - BOTTOM - scale(y, low, high) * (HEIGHT - TOP - BOTTOM);
  const text = (x: number, y: number, anchor: string, text: string, attributes = "") =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${attributes}>${text}</text>`;
  const grid = (...[x1, y1, x2, y2]: number[]) =>
    `<path class="grid" d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}"/>`;

  const axes = (): string[] => [
    ...ticks(low, high, [1, 2, 5]).flatMap((t) => [
      grid(LEFT, py(t), WIDTH - RIGHT, py(t)),
      text(LEFT - 8, py(t) + 4, "end", t.toLocaleString("en")),
    ]),
    ...ticks(left, right, [1]).flatMap((t) => [
      grid(px(t), TOP, px(t), HEIGHT - BOTTOM),
      text(px(t), HEIGHT - BOTTOM + 18, "middle", t.toLocaleString("en")),
    ]),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "middle", x),
    text(0, 0, "middle", y, ` transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"`),
  ];

  const draw = (lines: readonly Line[]): string[] => {
    const labels = spread(lines.map(({ points }) => py(points.at(-1)![1]))), used = { ours: 0, peer: 0, baseline: 0 };
    return lines.flatMap(({ name, points, style }, i) => {
      const colour = COLOURS[style][used[style]++ % COLOURS[style].length];
      const d = points.map(([x, y]) => `${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("L");
      return [
        `<path class="line ${style}" stroke="${colour}" d="M${d}"/>`,
        text(px(points.at(-1)![0]) + 6, labels[i] + 4, "start", name, ` style="fill: ${colour}"`),
      ];
    });
  };

  const all = panels.map(({ title, lines }, i) =>
    [
      `<g transform="translate(0 ${i * HEIGHT})">`,
      text(LEFT, 22, "start", title, ' class="title"'),
      ...axes(),
      ...draw(lines),
      "</g>",
    ].join("\n")
  );
  const height = panels.length * HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    `<style>${CSS}\n</style>`,
    ...all,
    "</svg>\n",
  ].join("\n");
}
