import { NaruError } from "../lib/errors.ts";
import { newTree, type Tree } from "./document.ts";

const PROPAGATIONS = new Set(["rprivate", "private", "rshared", "shared", "rslave", "slave"]);

/** The long form of a mount's short form, `[source:]target[:options]`; Windows drives (`C:\\x`) stay whole. Throws "invalid". */
export function mountOf(text: string): Tree {
  if (text === "") throw new NaruError("invalid", "invalid empty volume spec");
  const parts = text.split(":");
  for (let at = 0; at + 1 < parts.length; at++) {
    if (/^[a-zA-Z]$/.test(parts[at]!) && /^[\\/]/.test(parts[at + 1]!))
      parts.splice(at, 2, `${parts[at]}:${parts[at + 1]}`);
  }
  if (parts.length > 3 || parts.some((part, index) => part === "" && index < 2))
    throw new NaruError("invalid", `invalid spec: ${text}: too many colons or an empty section between them`);
  const [source, target] = parts.length === 1 ? [undefined, parts[0]!] : [parts[0]!, parts[1]!];
  const mount = newTree();
  const isBind = source !== undefined && /^[./~]|^[a-zA-Z]:[\\/]|^\\\\/.test(source);
  mount.type = isBind ? "bind" : "volume";
  if (source !== undefined) mount.source = source;
  mount.target = target.length > 1 ? target.replace(/\/+$/, "") : target;
  const bind = newTree();
  const volume = newTree();
  for (const option of (parts[2] ?? "").split(",")) {
    if (option === "ro") mount.read_only = true;
    else if (option === "z" || option === "Z") bind.selinux = option;
    else if (option === "nocopy") volume.nocopy = true;
    else if (PROPAGATIONS.has(option)) bind.propagation = option;
  }
  if (isBind) {
    bind.create_host_path = true;
    mount.bind = bind;
  } else mount.volume = volume;
  return mount;
}
