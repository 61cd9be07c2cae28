/** A pod template for reading, as `rollout history` and `describe` show it. */

interface Template {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { containers?: ContainerLike[]; initContainers?: ContainerLike[]; serviceAccountName?: string };
}
interface ContainerLike {
  name: string;
  image?: string;
  command?: string[];
  args?: string[];
  ports?: { containerPort: number; hostPort?: number; protocol?: string }[];
  env?: { name: string; value?: string }[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

/** Lines with two spaces before each. */
export function templateText(template: unknown): string {
  const { metadata, spec } = (template ?? {}) as Template;
  const lines = [...pairs("  Labels:", metadata?.labels)];
  if (metadata?.annotations !== undefined) lines.push(...pairs("  Annotations:", metadata.annotations));
  if (spec?.serviceAccountName) lines.push(`  Service Account:\t${spec.serviceAccountName}`);
  for (const [title, containers] of [
    ["Init Containers", spec?.initContainers],
    ["Containers", spec?.containers],
  ] as const) {
    if (containers === undefined || containers.length === 0) continue;
    lines.push(`  ${title}:`, ...containers.flatMap(containerLines));
  }
  return `${lines.join("\n")}\n`;
}

function pairs(title: string, values: Readonly<Record<string, string>> = {}): string[] {
  const list = Object.entries(values)
    .sort()
    .map(([key, value]) => `${key}=${value}`);
  return list.length === 0 ? [`${title}\t<none>`] : list.map((pair, at) => `${at === 0 ? title : ""}\t${pair}`);
}

function containerLines({ name, image, command, args, ports, env, resources, volumeMounts }: ContainerLike): string[] {
  const lines = [`   ${name}:`, `    Image:\t${image ?? ""}`];
  const shown = (ports ?? []).map(({ containerPort, protocol = "TCP" }) => `${containerPort}/${protocol}`).join(", ");
  lines.push(`    Port:\t${shown || "<none>"}`);
  const host = (ports ?? []).map(({ hostPort = 0, protocol = "TCP" }) => `${hostPort}/${protocol}`).join(", ");
  lines.push(`    Host Port:\t${host || "<none>"}`);
  if (command?.length) lines.push("    Command:", ...command.map((word) => `      ${word}`));
  if (args?.length) lines.push("    Args:", ...args.map((word) => `      ${word}`));
  for (const part of ["limits", "requests"] as const) {
    const amounts = Object.entries(resources?.[part] ?? {});
    if (amounts.length === 0) continue;
    lines.push(
      `    ${part === "limits" ? "Limits" : "Requests"}:`,
      ...amounts.map(([key, value]) => `      ${key}:\t${value}`),
    );
  }
  if (env?.length) lines.push("    Environment:", ...env.map((one) => `      ${one.name}:\t${one.value ?? ""}`));
  else lines.push("    Environment:\t<none>");
  if (volumeMounts?.length) {
    lines.push(
      "    Mounts:",
      ...volumeMounts.map((one) => `      ${one.mountPath} from ${one.name} (${one.readOnly ? "ro" : "rw"})`),
    );
  } else lines.push("    Mounts:\t<none>");
  return lines;
}
