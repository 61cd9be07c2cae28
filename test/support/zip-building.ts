/** Small zip archives for tests, hostile ones too (PKWARE's APPNOTE). */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipContent {
  name: string;
  content: string | Uint8Array;
  /** Kept as it is rather than deflated. */
  isStored?: boolean;
  /** What the directory says of the size, when that is to be a lie. */
  claimedBytes?: number;
}

export function zipOf(entries: ZipContent[], options: { prefix?: string; comment?: string } = {}): Buffer {
  const { prefix = "", comment = "" } = options;
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, isStored, claimedBytes } of entries) {
    const bytes = Buffer.from(content as string);
    const stored = isStored ? bytes : deflateRawSync(bytes);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(isStored ? 0 : 8, 4);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(stored.length, 14);
    fields.writeUInt32LE(claimedBytes ?? bytes.length, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([magic(0x04034b50), fields, Buffer.from(name), stored]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([magic(0x02014b50), Buffer.from([20, 0]), fields, tail, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(offset, 12);
  end.writeUInt16LE(comment.length, 16);
  return Buffer.concat([Buffer.from(prefix), ...parts, list, magic(0x06054b50), end, Buffer.from(comment)]);
}

function magic(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
