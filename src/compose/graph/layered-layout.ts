/**
 * Places nodes in columns from left to right and leads edges through the gaps between them, on a grid of character cells: a
 * terminal draws it as it is, a picture scales it. (The layered way of Sugiyama: columns by longest path, stand-ins where an
 * edge crosses a column, order by the middle of the neighbours.)
 */

interface LayoutNode {
  id: string;
  width: number;
  height: number;
}
interface LayoutEdge {
  from: string;
  to: string;
}
export interface PlacedNode extends LayoutNode {
  column: number;
  x: number;
  y: number;
}
interface Point {
  x: number;
  y: number;
}
/** From the right side of one node to the left side of the other, by horizontal and vertical lines. */
export interface RoutedEdge<E extends LayoutEdge> {
  edge: E;
  points: Point[];
}
export interface Layout<E extends LayoutEdge> {
  nodes: PlacedNode[];
  edges: RoutedEdge<E>[];
  /** x of the first cell of each column's nodes. */
  columns: number[];
  width: number;
  height: number;
}

/** A node, or what stands in for an edge in a column that it crosses. */
interface Item {
  id: string;
  column: number;
  width: number;
  height: number;
  x: number;
  y: number;
  left: Item[];
  right: Item[];
}

const ORDER_SWEEPS = 6;
/** Cells between a node and the first track of a gap, and behind its last one (where the arrow's head is). */
const BEFORE_TRACKS = 2;
const BEHIND_TRACKS = 3;
const TRACK_STEP = 2;

/** @param columnOf a column that a node must not stand left of, when it has one */
export function layOut<E extends LayoutEdge>(
  nodes: readonly LayoutNode[],
  edges: readonly E[],
  options: { leftmost?: (id: string) => number } = {},
): Layout<E> {
  const columns = assignColumns(nodes, edges, options.leftmost ?? (() => 0));
  const items = new Map<string, Item>(
    nodes.map((node) => [node.id, { ...node, column: columns.get(node.id)!, x: 0, y: 0, left: [], right: [] }]),
  );
  const chains = edges.map((edge) => chainOf(edge, items));
  const rows = orderRows(items);
  placeRows(rows);
  const tracks = assignTracks(rows);
  const columnXs = placeColumns(rows, tracks);
  const placed = nodes.map(({ id }) => {
    const { width, height, column, x, y } = items.get(id)!;
    return { id, width, height, column, x, y };
  });
  const all = [...items.values()];
  return {
    nodes: placed,
    edges: edges.map((edge, index) => ({ edge, points: route(chains[index]!, tracks) })),
    columns: columnXs,
    width: Math.max(0, ...all.map(({ x, width }) => x + width)),
    height: Math.max(0, ...all.map(({ y, height }) => y + height)),
  };
}

/** Each as far left as what leads to it lets it be. */
function assignColumns(
  nodes: readonly LayoutNode[],
  edges: readonly LayoutEdge[],
  leftmost: (id: string) => number,
): Map<string, number> {
  const columns = new Map<string, number>();
  const visit = (id: string): number => {
    const known = columns.get(id);
    if (known !== undefined) return known;
    columns.set(id, leftmost(id));
    const before = edges.filter(({ to }) => to === id).map(({ from }) => visit(from) + 1);
    const column = Math.max(leftmost(id), ...before);
    columns.set(id, column);
    return column;
  };
  for (const { id } of nodes) visit(id);
  return columns;
}

/** The items that an edge runs through, with stand-ins added where it crosses columns. */
function chainOf({ from, to }: LayoutEdge, items: Map<string, Item>): Item[] {
  const [first, last] = [items.get(from)!, items.get(to)!];
  const chain = [first];
  for (let column = first.column + 1; column < last.column; column++) {
    // Edges of one node to one other, and of several nodes to the same one, stay apart: each has stand-ins of its own.
    const id = `${from}\0${to}\0${column}`;
    const standIn: Item = items.get(id) ?? { id, column, width: 0, height: 1, x: 0, y: 0, left: [], right: [] };
    items.set(id, standIn);
    chain.push(standIn);
  }
  chain.push(last);
  for (let index = 1; index < chain.length; index++) {
    chain[index - 1]!.right.push(chain[index]!);
    chain[index]!.left.push(chain[index - 1]!);
  }
  return chain;
}

/** The items of each column from top to bottom, so that few edges cross. */
function orderRows(items: Map<string, Item>): Item[][] {
  const rows: Item[][] = [];
  for (const item of items.values()) {
    while (rows.length <= item.column) rows.push([]);
    rows[item.column]!.push(item);
  }
  const place = new Map<Item, number>();
  const note = (row: Item[]) => {
    for (const [index, item] of row.entries()) place.set(item, (index + 0.5) / row.length);
  };
  for (const row of rows) note(row);
  const middle = (item: Item, side: Item[]) =>
    side.length === 0 ? place.get(item)! : side.reduce((sum, other) => sum + place.get(other)!, 0) / side.length;
  for (let sweep = 0; sweep < ORDER_SWEEPS; sweep++) {
    const goesRight = sweep % 2 === 0;
    for (const row of goesRight ? rows : rows.toReversed()) {
      row.sort((a, b) => middle(a, goesRight ? a.left : a.right) - middle(b, goesRight ? b.left : b.right));
      note(row);
    }
  }
  return rows;
}

const port = ({ y, height }: Item) => y + Math.floor(height / 2);

/** Heights: as near as possible to the middle of what is left of it, none over another. */
function placeRows(rows: readonly Item[][]): void {
  for (const row of rows) {
    let free = 0;
    for (const item of row) {
      const ports = item.left.map(port).sort((a, b) => a - b);
      const wished = ports.length === 0 ? 0 : ports[Math.floor((ports.length - 1) / 2)]! - Math.floor(item.height / 2);
      item.y = Math.max(free, wished);
      free = item.y + item.height + 1;
    }
  }
}

/** Per column: the track right of it on which the edges of an item run up and down. */
type Tracks = Map<Item, number>;

/** Items whose edges do not meet share a track. An item whose edges go straight on needs none. */
function assignTracks(rows: readonly Item[][]): Tracks {
  const tracks: Tracks = new Map();
  for (const row of rows) {
    const taken: { from: number; to: number }[][] = [];
    for (const item of row) {
      const ends = item.right.map(port);
      if (ends.every((end) => end === port(item))) continue;
      const span = { from: Math.min(port(item), ...ends), to: Math.max(port(item), ...ends) };
      let track = taken.findIndex((spans) => spans.every((other) => span.to < other.from || other.to < span.from));
      if (track < 0) track = taken.push([]) - 1;
      taken[track]!.push(span);
      tracks.set(item, track);
    }
  }
  return tracks;
}

function placeColumns(rows: readonly Item[][], tracks: Tracks): number[] {
  let x = 0;
  return rows.map((row) => {
    const width = Math.max(...row.map((item) => item.width));
    for (const item of row) {
      item.x = x;
      // Stand-ins are lines through the whole column; nodes of a column are equally wide.
      item.width = width;
    }
    const here = x;
    const used = Math.max(0, ...row.map((item) => (tracks.get(item) ?? -1) + 1));
    x += width + BEFORE_TRACKS + used * TRACK_STEP + BEHIND_TRACKS;
    return here;
  });
}

function route(chain: readonly Item[], tracks: Tracks): Point[] {
  const points: Point[] = [];
  for (let index = 1; index < chain.length; index++) {
    const [from, to] = [chain[index - 1]!, chain[index]!];
    points.push({ x: from.x + from.width, y: port(from) });
    if (port(from) !== port(to)) {
      const x = from.x + from.width + BEFORE_TRACKS + (tracks.get(from) ?? 0) * TRACK_STEP;
      points.push({ x, y: port(from) }, { x, y: port(to) });
    }
    points.push({ x: to.x - 1, y: port(to) });
  }
  return points;
}
