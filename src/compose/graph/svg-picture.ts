/** A project's graph as an SVG picture: readable on light and dark ground, without fonts or scripts of its own. */
import { type Layout, layOut, type PlacedNode, type RoutedEdge } from "./layered-layout.ts";
import type { GraphEdge, GraphNode, ProjectGraph } from "./project-graph.ts";

/** Pixels of a cell, for letters of 13 px in a typewriter face. */
const CELL = { width: 8, height: 20 };
const MARGIN = 24;
const TITLE_HEIGHT = 40;
const CORNER = 7;
const RAIL_HEIGHT = 26;
const WIDEST_TEXT = 40;
/** Told apart also by those who see colours differently (Okabe and Ito, 2008). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7a5195", "#6b6b6b"];

const STYLE = `
    .ground { fill: #fff } .box { fill: #f4f8fb; stroke: #35607a } .thing { fill: #fbf7ee; stroke: #8a6d2f }
    text { fill: #12374a; font: 13px ui-monospace, Menlo, Consolas, monospace; white-space: pre }
    .title { font-size: 18px; font-weight: 600 } .name { font-weight: 600 } .small { fill: #4c7387 }
    .edge { fill: none; stroke: #35607a; stroke-width: 1.4 } .weak { stroke-dasharray: 5 4 } .head { fill: #35607a }
    .rail { fill: none; stroke-width: 2; opacity: 0.75 }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #10191f } .box { fill: #17262f; stroke: #7fb0cc } .thing { fill: #2a2416; stroke: #d3b873 }
      text { fill: #e3eef5 } .small { fill: #9dbdd0 } .edge { stroke: #7fb0cc } .head { fill: #7fb0cc }
    }`;

/** The whole file. */
export function svgPicture(graph: ProjectGraph): string {
  const first = graph.nodes.some(({ kind }) => kind === "port") ? 1 : 0;
  const layout = layOut(
    graph.nodes.map((node) => ({ id: node.id, ...sizeOf(node) })),
    graph.edges,
    { leftmost: (id) => (id.startsWith("port ") ? 0 : first) },
  );
  const bottom = TITLE_HEIGHT + layout.height * CELL.height + 16;
  const rails = new Rails(graph, layout, bottom);
  const width = Math.max(layout.width * CELL.width, 320) + 2 * MARGIN + rails.gutter;
  const height = bottom + graph.networks.length * RAIL_HEIGHT + 2 * MARGIN;
  const kinds = new Map(graph.nodes.map((node) => [node.id, node]));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `  <title>${escaped(graph.title)}</title>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="ground" width="${width}" height="${height}" rx="12"/>`,
    `  <g transform="translate(${MARGIN + rails.gutter} ${MARGIN})">`,
    text(0, 16, graph.title, "title"),
    ...rails.paint(width - 2 * MARGIN - rails.gutter),
    ...layout.edges.map(paintEdge),
    ...layout.nodes.map((placed) => paintNode(placed, kinds.get(placed.id)!)),
    "  </g>",
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

const shortened = (line: string) =>
  [...line].length <= WIDEST_TEXT ? line : `…${[...line].slice(1 - WIDEST_TEXT).join("")}`;

/** Cells of a node. Heights are odd, so that edges meet the middle. */
function sizeOf({ lines }: GraphNode): { width: number; height: number } {
  const longest = Math.max(...lines.map((line) => [...shortened(line)].length));
  // Lines of the networks leave the box below its text.
  const needed = lines.length === 1 ? 1 : lines.length + 1;
  return { width: longest + 4, height: needed + ((needed + 1) % 2) };
}

/** A single line has a little more than its cell. */
const paddingOf = ({ height }: { height: number }) => (height === 1 ? 4 : 0);

const at = ({ x, y }: { x: number; y: number }) => ({
  x: x * CELL.width,
  y: TITLE_HEIGHT + y * CELL.height + CELL.height / 2,
});

function paintNode(placed: PlacedNode, { kind, lines }: GraphNode): string {
  const padding = paddingOf(placed);
  const [x, y] = [placed.x * CELL.width, TITLE_HEIGHT + placed.y * CELL.height - padding];
  const [width, height] = [placed.width * CELL.width, placed.height * CELL.height + 2 * padding];
  const style = kind === "service" ? "box" : "thing";
  const radius = kind === "service" ? 8 : height / 2;
  const frame = `<rect class="${style}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>`;
  const words = lines.map((line, index) => {
    const lift = lines.length > 1 ? 0 : kind === "volume" ? 3 : 6;
    const below = y + padding + (index + 1) * CELL.height - lift;
    return text(x + 2 * CELL.width, below, shortened(line), index === 0 ? "name" : "small");
  });
  const note = kind === "secret" || kind === "config" ? `<title>${kind}</title>` : "";
  return `    <g>${note}${kind === "volume" ? cylinder(x, y, width, height) : frame}\n${words.join("\n")}</g>`;
}

function cylinder(x: number, y: number, width: number, height: number): string {
  const depth = 4;
  const side = `M${x} ${y + depth}v${height - 2 * depth}a${width / 2} ${depth} 0 0 0 ${width} 0v${2 * depth - height}`;
  const lid = `<ellipse class="thing" cx="${x + width / 2}" cy="${y + depth}" rx="${width / 2}" ry="${depth}"/>`;
  return `<path class="thing" d="${side}"/>${lid}`;
}

/** Lines with rounded corners, an arrow's head, and what is waited for. */
function paintEdge({ edge, points }: RoutedEdge<GraphEdge>): string {
  const corners = points.map(at);
  const end = corners.at(-1)!;
  // The head fills the last cell.
  const tip = end.x + CELL.width;
  const line = roundedPath([...corners.slice(0, -1), { x: tip - CELL.width, y: end.y }]);
  const head = `<path class="head" d="M${tip} ${end.y}l-9 -4.5v9z"/>`;
  const words = edge.waitsFor === undefined ? "" : `<title>waits until it is ${edge.waitsFor}</title>`;
  const mark =
    edge.waitsFor === undefined
      ? ""
      : text(tip - 22, end.y - 5, edge.waitsFor === "healthy" ? "♥" : "✓", "small").trim();
  return `    <g>${words}<path class="edge${edge.isWeak ? " weak" : ""}" d="${line}"/>${head}${mark}</g>`;
}

function roundedPath(points: readonly { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  let path = `M${first!.x} ${first!.y}`;
  for (const [index, point] of rest.entries()) {
    const [before, after] = [points[index]!, rest[index + 1]];
    const length = Math.abs(point.x - before.x) + Math.abs(point.y - before.y);
    const turns = after !== undefined && (point.x === before.x) !== (after.x === point.x);
    const radius = turns
      ? Math.min(CORNER, length / 2, (Math.abs(after.x - point.x) + Math.abs(after.y - point.y)) / 2)
      : 0;
    path += `L${point.x - Math.sign(point.x - before.x) * radius} ${point.y - Math.sign(point.y - before.y) * radius}`;
    if (radius === 0 || after === undefined) continue;
    path += `Q${point.x} ${point.y} ${point.x + Math.sign(after.x - point.x) * radius} ${point.y + Math.sign(after.y - point.y) * radius}`;
  }
  return path;
}

/** Networks as rails below the picture: left of each column a line leads from their services down to them. */
class Rails {
  /** Room left of the first column. */
  readonly gutter: number;

  constructor(
    private readonly graph: ProjectGraph,
    private readonly layout: Layout<GraphEdge>,
    private readonly top: number,
  ) {
    this.gutter = graph.networks.length * 6 + 8;
  }

  paint(width: number): string[] {
    return this.graph.networks.map(({ key, label }, index) => {
      const colour = COLOURS[index % COLOURS.length]!;
      const y = this.top + (index + 0.5) * RAIL_HEIGHT;
      const shift = 6 * (index + 1);
      const lines = [`M${-this.gutter + 8} ${y}H${width}`];
      const dots: string[] = [];
      for (const [column, left] of this.layout.columns.entries()) {
        const members = this.layout.nodes.filter(
          (node) => node.column === column && this.graph.nodes.find(({ id }) => id === node.id)!.networks.includes(key),
        );
        const exits = members.map((node) => TITLE_HEIGHT + (node.y + node.height) * CELL.height - 6 - (index % 4) * 4);
        if (exits.length === 0) continue;
        const x = left * CELL.width - shift - 2;
        lines.push(`M${x} ${Math.min(...exits)}V${y}`, ...exits.map((exit) => `M${x} ${exit}H${left * CELL.width}`));
        dots.push(`<circle cx="${x}" cy="${y}" r="3.5" fill="${colour}"/>`);
        dots.push(...exits.map((exit) => `<circle cx="${left * CELL.width}" cy="${exit}" r="3" fill="${colour}"/>`));
      }
      const name = `<text x="${width}" y="${y - 5}" text-anchor="end" style="fill:${colour}">${escaped(label)}</text>`;
      return `    <g><path class="rail" stroke="${colour}" d="${lines.join("")}"/>${dots.join("")}${name}</g>`;
    });
  }
}

const escaped = (words: string) =>
  words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const text = (x: number, y: number, words: string, style: string) =>
  `      <text x="${x}" y="${y}" class="${style}">${escaped(words)}</text>`;
