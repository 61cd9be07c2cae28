/** Where images come from and how many layers travel at once, out of the settings. */
import { absolutePath, type OptionReader } from "./option-reader.ts";
import { badSetting } from "./setting-error.ts";

/** @throws invalid for numbers and mirrors that make no sense */
export function distributionOptions(read: OptionReader) {
  const certificateDirs = read.list("registry-certs-dir").map(absolutePath);
  return {
    registryMirrors: read.list("registry-mirror"),
    insecureRegistries: read.list("insecure-registry"),
    hostMirrors: hostMirrors(read.list("host-mirror")),
    certificateDirs: read.has("registry-certs-dir") ? certificateDirs : ["/etc/naru/certs.d", "/etc/docker/certs.d"],
    signaturePolicy: read.optionalText("signature-policy"),
    concurrentDownloads: transferLimit(read.int("max-concurrent-downloads", 3), "downloads"),
    concurrentUploads: transferLimit(read.int("max-concurrent-uploads", 5), "uploads"),
    downloadAttempts: downloadAttempts(read.int("max-download-attempts", 5)),
  };
}

function hostMirrors(entries: string[]): Record<string, string[]> {
  const mirrors: Record<string, string[]> = {};
  for (const entry of entries) {
    const [, host, mirror] = /^([^=/]+)=(.+)$/.exec(entry) ?? [];
    if (host === undefined || mirror === undefined) {
      throw badSetting(`invalid host-mirror ${JSON.stringify(entry)}: write HOST=https://MIRROR[:PORT]`);
    }
    mirrors[host] = [...(mirrors[host] ?? []), mirror];
  }
  return mirrors;
}

function transferLimit(value: number, what: "downloads" | "uploads"): number {
  if (value < 0) throw badSetting(`invalid max concurrent ${what}: ${value}`);
  return value;
}

function downloadAttempts(count: number): number {
  if (count < 1) throw badSetting(`invalid max download attempts: ${count}`);
  return count;
}
