/**
 * Writes src/kube/server/protobuf/messages.txt: which number each field of Kubernetes' builtin kinds has in protobuf. The numbers
 * stand in the tags of the Go types, and those in the reflection data of every Go client, such as kubectl:
 *
 *     bun scripts/kubernetes-protobuf.ts .cache/clients/usr/bin/kubectl
 *
 * Read are 64-bit ELF files (position independent, as Debian builds them); layouts as in Go's internal/abi (type.go).
 */
import { readFileSync, writeFileSync } from "node:fs";

const OUTPUT = "src/kube/server/protobuf/messages.txt";
const GROUPS =
  "admissionregistration/v1 apps/v1 authentication/v1 authorization/v1 autoscaling/v1 autoscaling/v2 batch/v1 certificates/v1 " +
  "coordination/v1 core/v1 discovery/v1 events/v1 networking/v1 node/v1 policy/v1 rbac/v1 scheduling/v1 storage/v1";
const META = "k8s.io/apimachinery/pkg/apis/meta/v1";
/** Types that are something simple in JSON, and the letters that messages.ts knows them by. */
const SPECIAL: Record<string, string> = {
  [`${META}.Time`]: "t",
  [`${META}.MicroTime`]: "u",
  [`${META}.FieldsV1`]: "j",
  [`${META}.Duration`]: "d",
  "k8s.io/apimachinery/pkg/api/resource.Quantity": "q",
  "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "x",
  "k8s.io/apimachinery/pkg/runtime.RawExtension": "j",
};
const KIND = {
  bool: 1,
  firstInteger: 2,
  byte: 8,
  lastInteger: 11,
  float32: 13,
  float64: 14,
  map: 21,
  pointer: 22,
  slice: 23,
  string: 24,
  struct: 25,
};
const RELATIVE = 8;

interface Section {
  address: number;
  offset: number;
  size: number;
  isLoaded: boolean;
}

class Executable {
  readonly memory: Buffer;
  readonly types: { from: number; to: number };
  /** Where the offsets of types' names count from. */
  readonly base: number;

  constructor(path: string) {
    const file = readFileSync(path);
    const sections = readSections(file);
    const loaded = [...sections.values()].filter(({ isLoaded }) => isLoaded);
    this.memory = Buffer.alloc(Math.max(...loaded.map(({ address, size }) => address + size)));
    for (const { address, offset, size } of loaded) file.copy(this.memory, address, offset, offset + size);
    const relocations = sections.get(".rela.dyn")!;
    for (let at = relocations.offset; at < relocations.offset + relocations.size; at += 24) {
      if (file.readUInt32LE(at + 8) !== RELATIVE) continue;
      file.copy(this.memory, Number(file.readBigUInt64LE(at)), at + 16, at + 24);
    }
    const data = sections.get(".data.rel.ro")!;
    this.types = { from: data.address, to: data.address + data.size };
    this.base = this.#findBase(sections.get(".go.module")!);
  }

  pointer(at: number): number {
    return Number(this.memory.readBigUInt64LE(at));
  }

  kind(type: number): number {
    return this.memory[type + 23]! & 31;
  }

  /** A name with its tag: flags, then each with its length before it. */
  name(at: number): { text: string; tag: string } {
    const [length, begin] = this.#varint(at + 1);
    const text = this.memory.toString("utf8", begin, begin + length);
    if ((this.memory[at]! & 2) === 0) return { text, tag: "" };
    const [tagLength, tagBegin] = this.#varint(begin + length);
    return { text, tag: this.memory.toString("utf8", tagBegin, tagBegin + tagLength) };
  }

  /** "v1.Pod" */
  typeName(type: number): string {
    const { text } = this.name(this.base + this.memory.readInt32LE(type + 40));
    return (this.memory[type + 20]! & 2) !== 0 ? text.slice(1) : text;
  }

  /** "k8s.io/api/core/v1.Pod" of a struct. */
  fullName(type: number): string {
    const [, last = ""] = this.typeName(type).split(".", 2);
    if ((this.memory[type + 20]! & 1) === 0) return last;
    return `${this.name(this.base + this.memory.readInt32LE(type + 80)).text}.${last}`;
  }

  /** Names, tags and types of a struct's fields; undefined when there is no struct at `type`. */
  fields(type: number): { tag: string; type: number }[] | undefined {
    if (this.kind(type) !== KIND.struct) return undefined;
    const [first, count, capacity] = [this.pointer(type + 56), this.pointer(type + 64), this.pointer(type + 72)];
    if (count === 0 || count !== capacity || count > 200 || !this.#isType(first)) return undefined;
    const found: { tag: string; type: number }[] = [];
    for (let index = 0; index < count; index++) {
      const [name, field] = [this.pointer(first + 24 * index), this.pointer(first + 24 * index + 8)];
      if (name === 0 || name >= this.memory.length || !this.#isType(field)) return undefined;
      found.push({ tag: this.name(name).tag, type: field });
    }
    return found;
  }

  *structs(): Generator<number> {
    for (let at = this.types.from; at < this.types.to - 88; at += 8) {
      if (this.fields(at)?.some(({ tag }) => tag.includes('protobuf:"'))) yield at;
    }
  }

  #isType(at: number): boolean {
    return at >= this.types.from && at < this.types.to;
  }

  #varint(at: number): [value: number, next: number] {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.memory[at++] ?? 0;
      value |= (byte & 127) << shift;
      if (byte < 128) return [value, at];
    }
  }

  /** The module's data holds the address: the word with which the types' names are names. */
  #findBase(module: Section): number {
    const some = [...take(this.structs(), 200)];
    const fits = (base: number) =>
      some.filter((type) => {
        const at = base + this.memory.readInt32LE(type + 40);
        return at > 0 && at < this.memory.length - 300 && /^\*?[a-z0-9_]+\.[A-Z]\w+$/.test(this.name(at).text);
      }).length;
    for (let at = module.address; at < module.address + module.size - 8; at += 8) {
      if (fits(this.pointer(at)) > some.length * 0.75) return this.pointer(at);
    }
    throw new Error("the names of the types were not found: is this a Go program of another layout?");
  }
}

function* take<T>(all: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const one of all) {
    if (left-- === 0) return;
    yield one;
  }
}

function readSections(file: Buffer): Map<string, Section> {
  const table = Number(file.readBigUInt64LE(0x28));
  const [count, namesIndex] = [file.readUInt16LE(0x3c), file.readUInt16LE(0x3e)];
  const at = (index: number) => table + index * 64;
  const namesOffset = Number(file.readBigUInt64LE(at(namesIndex) + 24));
  const sections = new Map<string, Section>();
  for (let index = 0; index < count; index++) {
    const header = at(index);
    const name = namesOffset + file.readUInt32LE(header);
    const isLoaded = (file.readUInt32LE(header + 8) & 2) !== 0 && file.readUInt32LE(header + 4) !== 8;
    sections.set(file.toString("latin1", name, file.indexOf(0, name)), {
      address: Number(file.readBigUInt64LE(header + 16)),
      offset: Number(file.readBigUInt64LE(header + 24)),
      size: Number(file.readBigUInt64LE(header + 32)),
      isLoaded,
    });
  }
  return sections;
}

const PACKAGES = new Map([
  [META, "meta.v1"],
  ...GROUPS.split(" ").map((group) => [`k8s.io/api/${group}`, group.replace("/", ".")] as const),
]);

/** "core.v1.Pod"; undefined for a type of another package. */
function messageName(fullName: string): string | undefined {
  const dot = fullName.lastIndexOf(".");
  const place = PACKAGES.get(fullName.slice(0, dot));
  return place === undefined ? undefined : `${place}${fullName.slice(dot)}`;
}

function typeText(program: Executable, type: number): string {
  const kind = program.kind(type);
  if (kind === KIND.pointer) return typeText(program, program.pointer(type + 48));
  if (kind === KIND.string) return "s";
  if (kind === KIND.bool) return "b";
  if (kind >= KIND.firstInteger && kind <= KIND.lastInteger) return "i";
  if (kind === KIND.float32 || kind === KIND.float64) return "f";
  if (kind === KIND.map) return `{${typeText(program, program.pointer(type + 56))}`;
  if (kind === KIND.slice) {
    if (program.typeName(type).endsWith(".ExtraValue")) return "e";
    const element = program.pointer(type + 48);
    return program.kind(element) === KIND.byte ? "y" : `[${typeText(program, element)}`;
  }
  const name = program.fullName(type);
  return SPECIAL[name] ?? `@${messageName(name) ?? name}`;
}

function fieldText(program: Executable, { tag, type }: { tag: string; type: number }): string | undefined {
  const [, number] = (/protobuf:"([^"]*)"/.exec(tag)?.[1] ?? "-").split(",");
  if (number === undefined) return undefined;
  const [name = "", ...options] = (/json:"([^"]*)"/.exec(tag)?.[1] ?? "").split(",");
  if (name === "") return `^${number}:${typeText(program, type)}`;
  const kind = program.kind(type);
  const mayOmit = options.includes("omitempty") || options.includes("omitzero");
  const omits = mayOmit && kind !== KIND.pointer && (kind !== KIND.struct || options.includes("omitzero"));
  return `${name}:${number}${omits ? "" : "!"}:${typeText(program, type)}`;
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("name a Go client of Kubernetes: scripts/kubernetes-protobuf.ts KUBECTL");
const program = new Executable(path);
const messages = new Map<string, string[]>();
for (const type of program.structs()) {
  const name = messageName(program.fullName(type));
  if (name === undefined || SPECIAL[program.fullName(type)] !== undefined) continue;
  const fields = program.fields(type)!;
  if (name.endsWith("List") && fields.some(({ tag }) => tag.includes('json:"items"'))) continue;
  messages.set(
    name,
    fields.map((field) => fieldText(program, field)).filter((text) => text !== undefined),
  );
}
const wanted = new Set(["meta.v1.DeleteOptions", "meta.v1.Status"]);
for (const [name, fields] of messages)
  if (fields.some((field) => /^metadata:1!?:@meta\.v1\.ObjectMeta$/.test(field))) wanted.add(name);
for (const name of wanted)
  for (const field of messages.get(name) ?? []) {
    const inner = /@([\w.]+)$/.exec(field)?.[1];
    if (inner !== undefined && messages.has(inner)) wanted.add(inner);
  }
const lines = [...wanted].sort().map((name) => `${name}\t${messages.get(name)!.join(" ")}\n`);
writeFileSync(OUTPUT, lines.join(""));
process.stdout.write(`${OUTPUT}: ${lines.length} messages\n`);
