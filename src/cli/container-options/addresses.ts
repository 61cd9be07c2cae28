/** 4 or 6 for the text of an IP address of that version, else 0. Does without node:net, which is slow to load. */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (isIpv4(text)) return 4;
  return isIpv6(text) ? 6 : 0;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
}

function isIpv6(text: string): boolean {
  const [head, tail, ...others] = text.split("::");
  if (head === undefined || others.length > 0) return false;
  const groups = (part: string | undefined) => (part ? part.split(":") : []);
  const all = [...groups(head), ...groups(tail)];
  const embeds = all.length > 0 && isIpv4(all.at(-1)!);
  const hexGroups = embeds ? all.slice(0, -1) : all;
  if (!hexGroups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  const count = hexGroups.length + (embeds ? 2 : 0);
  return tail === undefined ? count === 8 : count < 8;
}
