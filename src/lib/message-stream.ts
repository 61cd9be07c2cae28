/** Messages in a stream of bytes: a length of 32 bits before each. */

const HEAD_BYTES = 4;

export function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const framed = Buffer.alloc(HEAD_BYTES + message.length);
  framed.writeUInt32BE(message.length);
  framed.set(message, HEAD_BYTES);
  return new Uint8Array(framed.buffer, framed.byteOffset, framed.byteLength);
}

export async function* framed(messages: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield frame(message);
}

export async function* unframed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  let needed = HEAD_BYTES;
  for await (const piece of bytes) {
    waiting.push(piece);
    length += piece.length;
    if (length < needed) continue;
    let data = Buffer.concat(waiting);
    while (data.length >= HEAD_BYTES && data.length >= HEAD_BYTES + data.readUInt32BE(0)) {
      const end = HEAD_BYTES + data.readUInt32BE(0);
      yield data.subarray(HEAD_BYTES, end);
      data = data.subarray(end);
    }
    needed = data.length >= HEAD_BYTES ? HEAD_BYTES + data.readUInt32BE(0) : HEAD_BYTES;
    waiting = [data];
    length = data.length;
  }
}
