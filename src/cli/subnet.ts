/** Addresses and subnets as numbers, for checks that need no daemon. */

interface Address {
  bits: 32 | 128;
  value: bigint;
}

/** True when the address, or the first address of the subnet `text`, lies in `subnet`. Throws an Error for bad text. */
export function subnetContains(subnet: string, text: string): boolean {
  const network = parseSubnet(subnet);
  const address = text.includes("/") ? parseSubnet(text).address : parseAddress(text);
  if (!network || !address || network.address.bits !== address.bits) return false;
  const shift = BigInt(network.address.bits - network.prefix);
  return network.address.value >> shift === address.value >> shift;
}

function parseSubnet(text: string): { address: Address; prefix: number } {
  const [ip = "", prefixText = ""] = text.split("/");
  const address = parseAddress(ip);
  const prefix = Number(prefixText);
  if (!address || !/^\d+$/.test(prefixText) || prefix > address.bits) {
    throw new Error(`invalid CIDR address: ${text}`);
  }
  return { address, prefix };
}

function parseAddress(text: string): Address | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (v4) {
    const bytes = v4.slice(1).map(Number);
    if (bytes.some((byte) => byte > 255)) return undefined;
    return { bits: 32, value: bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n) };
  }
  const [head = "", tail, ...rest] = text.split("::");
  if (!text.includes(":") || rest.length > 0) return undefined;
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const left = groups(head);
  const right = groups(tail ?? "");
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...left, ...Array<string>(tail === undefined ? 0 : missing).fill("0"), ...right];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return { bits: 128, value: all.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n) };
}
