import { expect, test } from "bun:test";
import { projectGraph } from "../../../src/compose/graph/project-graph.ts";
import { svgPicture } from "../../../src/compose/graph/svg-picture.ts";
import { textPicture } from "../../../src/compose/graph/text-picture.ts";
import { projectOf } from "./project-of.ts";

const SHOP = `
name: shop
services:
  proxy: { image: nginx, ports: ["8080:80"], depends_on: [web, api], networks: [front] }
  web:
    build: ./web
    networks: [front]
    depends_on: { api: { condition: service_healthy } }
  api:
    image: api
    networks: [front, back]
    x-naru-autoscale: { max: 3, target: { cpu: 70% } }
    depends_on: { db: { condition: service_started } }
  db: { image: "postgres:17", networks: [back], volumes: ["data:/data"], secrets: [key] }
  backup: { image: "postgres:17", networks: [back], volumes: ["data:/data:ro"], x-naru-schedule: "0 3 * * *" }
networks: { front: {}, back: { internal: true } }
volumes: { data: {} }
secrets: { key: { environment: HOME } }
`;

test("in a terminal: boxes, arrows, and what is shared", async () => {
  const picture = textPicture(projectGraph(await projectOf(SHOP)));
  expect(picture).toBe(`shop

┌──────────────┐
│ backup       │
│ postgres:17  │
│ at 0 3 * * * │
│ ◦ back       │
│ ▤ data       │
└──────────────┘

┌──────────────┐                                                   ┌─────────────┐
│ proxy        │       ┌────────────┐       ┌────────────────┐     │ db          │
│ nginx        │       │ web        │       │ api ×1–3       │     │ postgres:17 │
│ ⇒ :8080 ▸ 80 ├──┬───▶│ built here ├──┬──♥▶│ api            ├────▶│ ◦ back      │
│ ◦ front      │  │    │ ◦ front    │  │    │ ◦ back ◦ front │     │ ▤ data      │
└──────────────┘  │    └────────────┘  │    └────────────────┘     │ ⚿ key       │
                  │                    │                           └─────────────┘
                  └────────────────────┘

◦ back (internal): api, backup, db
◦ front: api, proxy, web
▤ data: backup, db
♥ waits until it is healthy
`);
});

test("as SVG: well formed, every node and network in it, nothing of the project can break out", async () => {
  const hostile = SHOP.replace("image: nginx", 'image: "</text><script>alert(1)</script>&\\"x"');
  const picture = svgPicture(projectGraph(await projectOf(hostile)));
  const opened: string[] = [];
  for (const [, close, name, rest] of picture.matchAll(/<(\/?)([a-z]+)((?:[^>"]|"[^"]*")*)>/g)) {
    if (close) expect(opened.pop()).toBe(name!);
    else if (!rest!.endsWith("/")) opened.push(name!);
  }
  expect(opened).toEqual([]);
  expect(picture).not.toContain("<script");
  for (const word of ["proxy", "web", "api ×1–3", "db", "backup", "data", "key", "back (internal)", ":8080 ▸ 80"]) {
    expect(picture).toContain(`>${word}</text>`);
  }
  expect(picture.match(/class="head"/g)).toHaveLength(8);
});

test("a project of one service, and one without edges", async () => {
  expect(textPicture(projectGraph(await projectOf("name: one\nservices: { a: { image: i } }")))).toBe(
    "one\n\n┌───────────┐\n│ a         │\n│ i         │\n│ ◦ default │\n└───────────┘\n\n◦ default: a\n",
  );
});
