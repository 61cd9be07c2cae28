/** ELF programs of nothing but named sections (elf(5), 64 bits, little-endian), for what reads programs. */

const HEADER = 64;
const SECTION = 64;

export function elfOf(sections: Record<string, Uint8Array>): Buffer {
  const names = ["", ...Object.keys(sections), ".shstrtab"];
  const nameTable = Buffer.from(`${names.join("\0")}\0`);
  const bodies = [Buffer.alloc(0), ...Object.values(sections).map((bytes) => Buffer.from(bytes)), nameTable];
  const table = Buffer.alloc(SECTION * names.length);
  let offset = HEADER;
  for (const [index, body] of bodies.entries()) {
    const at = index * SECTION;
    table.writeUInt32LE(nameTable.indexOf(`${names[index]}\0`), at);
    table.writeBigUInt64LE(BigInt(index === 0 ? 0 : offset), at + 24);
    table.writeBigUInt64LE(BigInt(body.length), at + 32);
    offset += body.length;
  }
  const header = Buffer.alloc(HEADER);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeBigUInt64LE(BigInt(offset), 40);
  header.writeUInt16LE(SECTION, 58);
  header.writeUInt16LE(names.length, 60);
  header.writeUInt16LE(names.length - 1, 62);
  return Buffer.concat([header, ...bodies, table]);
}

/** The section ".go.buildinfo" of a program by Go 1.18 or later. */
export function goBuildInfo(version: string, modules: string): Buffer {
  const head = Buffer.alloc(32);
  head.write("\xff Go buildinf:", "latin1");
  head[14] = 8;
  head[15] = 2;
  const marked = `${"<".repeat(16)}${modules}${">".repeat(16)}`;
  return Buffer.concat([
    head,
    varint(version.length),
    Buffer.from(version),
    varint(marked.length),
    Buffer.from(marked),
  ]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
