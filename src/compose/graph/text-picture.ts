/** A project's graph for a terminal, in box-drawing letters. */
import { type Layout, layOut, type PlacedNode } from "./layered-layout.ts";
import type { GraphEdge, GraphNode, ProjectGraph } from "./project-graph.ts";

const UP = 1;
const RIGHT = 2;
const DOWN = 4;
const LEFT = 8;
/** The letter that has lines in these directions. */
const LINES = " ╵╶└╷│┌├╴┘─┴┐┤┬┼";
const KIND_MARK: Record<GraphNode["kind"], string> = {
  port: "⇒ ",
  service: "",
  volume: "▤ ",
  directory: "▤ ",
  secret: "⚿ ",
  config: "≡ ",
};
const WIDEST_TEXT = 34;

/**
 * The lines of the picture: services in boxes with what they publish and use, arrows to what they depend on, and below a list of
 * what several of them share.
 */
export function textPicture(graph: ProjectGraph): string {
  const services = graph.nodes.filter(({ kind }) => kind === "service");
  const boxes = new Map(services.map((node) => [node.id, boxTexts(graph, node)]));
  const frame = 4;
  const layout = layOut(
    services.map(({ id }) => ({ id, width: widthOf(boxes.get(id)!) + frame, height: boxes.get(id)!.length + 2 })),
    graph.edges.filter(({ kind }) => kind === "dependency"),
  );
  const canvas = new Canvas(layout.width, layout.height);
  for (const node of layout.nodes) drawBox(canvas, node, boxes.get(node.id)!);
  drawEdges(canvas, layout);
  return `${[graph.title, "", ...canvas.lines(), "", ...legend(graph)].join("\n").trimEnd()}\n`;
}

const letterCount = (text: string) => [...text].length;
const widthOf = (lines: readonly string[]) => Math.max(...lines.map(letterCount));
const shortened = (text: string) =>
  letterCount(text) <= WIDEST_TEXT ? text : `${[...text].slice(0, WIDEST_TEXT - 1).join("")}…`;

/** A service's own lines, its ports, networks, volumes and files. */
function boxTexts({ nodes, edges }: ProjectGraph, service: GraphNode): string[] {
  const neighbours = (kind: "port" | "mount") =>
    edges.flatMap(({ kind: own, from, to }) => {
      if (own !== kind || (from !== service.id && to !== service.id)) return [];
      const other = nodes.find(({ id }) => id === (from === service.id ? to : from))!;
      return [`${KIND_MARK[other.kind]}${other.lines[0]}`];
    });
  const networks = service.networks.length > 0 ? [`◦ ${service.networks.join(" ◦ ")}`] : [];
  const texts = [...service.lines, ...neighbours("port"), ...networks, ...neighbours("mount")];
  return texts.filter((text) => text !== "").map(shortened);
}

function drawBox(canvas: Canvas, { x, y, width }: PlacedNode, texts: readonly string[]): void {
  const inner = width - 2;
  const rows = texts.map((text) => `│ ${text}${" ".repeat(inner - 1 - letterCount(text))}│`);
  const lines = [`┌${"─".repeat(inner)}┐`, ...rows, `└${"─".repeat(inner)}┘`];
  for (const [row, line] of lines.entries()) {
    for (const [column, letter] of [...line].entries()) canvas.write(x + column, y + row, letter);
  }
}

function drawEdges(canvas: Canvas, layout: Layout<GraphEdge>): void {
  for (const { points } of layout.edges) {
    canvas.line({ x: points[0]!.x - 1, y: points[0]!.y }, points[0]!);
    for (let index = 1; index < points.length; index++) canvas.line(points[index - 1]!, points[index]!);
  }
  for (const { edge, points } of layout.edges) {
    const [start, end] = [points[0]!, points.at(-1)!];
    canvas.write(start.x - 1, start.y, "├");
    canvas.write(end.x, end.y, "▶");
    if (edge.waitsFor !== undefined) canvas.write(end.x - 1, end.y, edge.waitsFor === "healthy" ? "♥" : "✓");
  }
}

/** The networks, and what several services use together. */
function legend({ networks, nodes, edges }: ProjectGraph): string[] {
  const nameOf = (id: string) => id.slice("service ".length);
  const lines = networks.map(({ key, label }) => {
    const members = nodes.filter((node) => node.networks.includes(key)).map(({ id }) => nameOf(id));
    return `◦ ${label}: ${members.join(", ")}`;
  });
  for (const { id, kind, lines: texts } of nodes) {
    const users = edges.filter((edge) => edge.kind === "mount" && edge.to === id).map(({ from }) => nameOf(from));
    if (users.length > 1) lines.push(`${KIND_MARK[kind]}${texts[0]}: ${users.join(", ")}`);
  }
  const marks = [];
  if (edges.some(({ waitsFor }) => waitsFor === "healthy")) marks.push("♥ waits until it is healthy");
  if (edges.some(({ waitsFor }) => waitsFor === "completed")) marks.push("✓ waits until it is done");
  return marks.length > 0 ? [...lines, marks.join(", ")] : lines;
}

/** Cells: lines that meet become crossings and branches, letters stand above lines. */
class Canvas {
  readonly #directions: Uint8Array;
  readonly #letters: (string | undefined)[];

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.#directions = new Uint8Array(width * height);
    this.#letters = new Array(width * height);
  }

  write(x: number, y: number, letter: string): void {
    if (x >= 0 && x < this.width && y < this.height) this.#letters[y * this.width + x] = letter;
  }

  /** A horizontal or vertical line, both ends included. */
  line(from: { x: number; y: number }, to: { x: number; y: number }): void {
    const [dx, dy] = [Math.sign(to.x - from.x), Math.sign(to.y - from.y)];
    const ahead = dx > 0 ? RIGHT : dx < 0 ? LEFT : dy > 0 ? DOWN : UP;
    const back = dx > 0 ? LEFT : dx < 0 ? RIGHT : dy > 0 ? UP : DOWN;
    let { x, y } = from;
    while (x !== to.x || y !== to.y) {
      this.#add(x, y, ahead);
      x += dx;
      y += dy;
      this.#add(x, y, back);
    }
  }

  lines(): string[] {
    return Array.from({ length: this.height }, (_, y) => {
      const cells = Array.from({ length: this.width }, (__, x) => {
        const at = y * this.width + x;
        return this.#letters[at] ?? LINES[this.#directions[at]!]!;
      });
      return cells.join("").trimEnd();
    });
  }

  #add(x: number, y: number, direction: number): void {
    if (x >= 0 && x < this.width && y < this.height) this.#directions[y * this.width + x]! |= direction;
  }
}
