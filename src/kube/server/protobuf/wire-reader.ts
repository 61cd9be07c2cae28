/** Reads the values of protobuf's wire format one after the other. */
import { StatusError } from "../../status.ts";

export class WireReader {
  #at = 0;
  readonly #view: DataView;

  constructor(private readonly data: Uint8Array) {
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.data.length;
  }

  /** An unsigned number; above 2^53 it loses its last digits. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.data[this.#at++];
      if (byte === undefined) throw cutOff();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw cutOff();
  }

  /** A number that may be negative: two's complement in 64 bits. */
  signed(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.data[this.#at++];
      if (byte === undefined) throw cutOff();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw cutOff();
  }

  bytes(): Uint8Array {
    return this.#take(this.varint());
  }

  string(): string {
    return new TextDecoder().decode(this.bytes());
  }

  double(): number {
    const at = this.#at;
    this.#take(8);
    return this.#view.getFloat64(at, true);
  }

  float(): number {
    const at = this.#at;
    this.#take(4);
    return this.#view.getFloat32(at, true);
  }

  /** Passes over a value of that wire type. */
  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#take(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.#take(4);
    else throw cutOff();
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.data.length) throw cutOff();
    const taken = this.data.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }
}

function cutOff(): StatusError {
  return new StatusError("BadRequest", "the object provided is unrecognized: its protobuf is cut off or broken");
}
