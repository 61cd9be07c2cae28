/** What json-file writes beside each line, and `logs --details` shows: chosen labels and variables, and the tag. */
import { compileTemplate } from "../lib/go-template/template.ts";
import { GoObject } from "../lib/go-template/values.ts";
import type { ContainerRecord } from "./container-record.ts";

const SHORT_ID = 12;

/** What a tag may name beside the container itself. */
interface LogHost {
  /** The image's name as it was asked for. */
  imageName: string;
  /** Of the machine. */
  hostname: string;
}

/** Sorted by name. @throws Error for a pattern or a tag that cannot be read, in Go's words */
export function logAttributes(record: ContainerRecord, host: LogHost): Record<string, string> {
  const { config, hostConfig } = record;
  const options = hostConfig.LogConfig?.Config ?? {};
  const variables = Object.fromEntries(
    (config.Env ?? []).map((variable) => {
      const at = variable.indexOf("=");
      return at < 0 ? [variable, ""] : [variable.slice(0, at), variable.slice(at + 1)];
    }),
  );
  const chosen = {
    ...choose(config.Labels ?? {}, options.labels, options["labels-regex"]),
    ...choose(variables, options.env, options["env-regex"]),
    ...(options.tag ? { tag: printTag(options.tag, record, host) } : {}),
  };
  return Object.fromEntries(Object.entries(chosen).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function choose(values: Record<string, string>, names: string | undefined, pattern: string | undefined) {
  const wanted = new Set((names ?? "").split(",").filter(Boolean));
  const matches = pattern ? compilePattern(pattern) : undefined;
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted.has(name) || matches?.test(name)));
}

function compilePattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    throw new Error(`error parsing regexp: ${(cause as Error).message}`, { cause });
  }
}

function printTag(template: string, record: ContainerRecord, host: LogHost): string {
  const { id, name, imageId, config } = record;
  const words = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  const info = new GoObject("*logger.Info", {
    ID: () => id.slice(0, SHORT_ID),
    FullID: () => id,
    Name: () => name,
    // As Docker's: the digest's algorithm is a part of it.
    ImageID: () => imageId.slice(0, SHORT_ID),
    ImageFullID: () => imageId,
    ImageName: () => host.imageName,
    Command: () => words.join(" "),
    Hostname: () => host.hostname,
    DaemonName: () => "docker",
    ContainerID: () => id,
    ContainerName: () => `/${name}`,
    ContainerImageID: () => imageId,
    ContainerImageName: () => host.imageName,
  });
  return compileTemplate(template, { name: "log-tag" }).execute(info);
}
