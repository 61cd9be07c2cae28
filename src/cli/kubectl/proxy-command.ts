import { lstat, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { proxyServer } from "./proxy-server.ts";

export const command = defineKubectlCommand({
  usage: "[--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]",
  summary: "Serve the cluster's API on this machine",
  description:
    "Serve the cluster's API on this machine, with your own credentials: whoever reaches the port acts as you. Files of a folder can be\nserved beside it.",
  flags: {
    "accept-hosts": string("Hosts that are answered: regular expressions, divided by commas", {
      initial: "^localhost$,^127\\.0\\.0\\.1$,^\\[::1\\]$",
    }),
    "accept-paths": string("Paths that are let through", { initial: "^.*" }),
    address: string("The address to listen on", { initial: "127.0.0.1" }),
    "api-prefix": string("Serve the API below this path", { initial: "/" }),
    "append-server-path": bool("The path of the cluster's own address goes before every path"),
    "disable-filter": bool("Let every request through: pages of other sites can then use the port too"),
    keepalive: durationText("How often idle connections are probed (0s: never)", { initial: "0s" }),
    port: int("The port; 0 for any that is free", { short: "p", initial: 8001 }),
    "reject-methods": string("Methods that are not let through, such as POST,PUT,PATCH", { initial: "^$" }),
    "reject-paths": string("Paths that are not let through, even when --accept-paths has them", {
      initial: "^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach",
    }),
    "unix-socket": string("Listen on this unix socket instead", { short: "u" }),
    www: string("Serve the files of this folder too", { short: "w" }),
    "www-prefix": string("The path of those files", { short: "P", initial: "/static/" }),
  },
  async run({ flags, given, context }) {
    if (flags.port !== 8001 && given("port") && flags["unix-socket"] !== "")
      throw new CliError("error: cannot set --unix-socket and --port at the same time");
    if (flags.port < 0 || flags.port > 65_535)
      throw new CliError(`error: listen tcp: address ${flags.port}: invalid port`);
    if (flags["disable-filter"]) {
      context.printError(
        flags["unix-socket"] === ""
          ? "Nothing is filtered: pages of other sites can send requests through this port, as you\n"
          : "",
      );
    }
    const rules = {
      acceptHosts: patterns(flags["accept-hosts"]),
      acceptPaths: patterns(flags["accept-paths"]),
      rejectMethods: patterns(flags["reject-methods"]),
      rejectPaths: patterns(flags["reject-paths"]),
    };
    const { access } = await context.api();
    const server = proxyServer(access, {
      apiPrefix: withSlashes(flags["api-prefix"]),
      appendServerPath: flags["append-server-path"],
      rules: flags["disable-filter"] ? undefined : rules,
      files: flags.www === "" ? undefined : { folder: flags.www, prefix: withSlashes(flags["www-prefix"]) },
      keepAliveMs: parseDuration(flags.keepalive) / 1e6,
    });
    const socket = flags["unix-socket"];
    await listening(server, socket === "" ? { host: flags.address, port: flags.port } : { path: socket });
    const place = server.address() as AddressInfo | string;
    context.print(`Starting to serve on ${placeText(place)}\n`);
    await new Promise((resolve) => server.on("close", resolve));
  },
});

const placeText = (place: AddressInfo | string): string =>
  typeof place === "string"
    ? place
    : `${place.address.includes(":") ? `[${place.address}]` : place.address}:${place.port}`;

const withSlashes = (path: string): string => `/${path.replace(/^\/+|\/+$/g, "")}/`.replace(/^\/\/$/, "/");

function patterns(text: string): RegExp[] {
  return text.split(",").map((pattern) => {
    try {
      return new RegExp(pattern);
    } catch (error) {
      throw new CliError(`error: Error compiling re: ${(error as Error).message}`);
    }
  });
}

/** What an ended process left. Any other file stays, and the address is taken. */
async function removeOldSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new CliError(`error: ${error.message}`);
  });
  if (found?.isSocket()) await rm(path, { force: true });
}

/** A socket that an ended process left is taken away; nobody but this user may use the new one. */
async function listening(
  server: ReturnType<typeof proxyServer>,
  place: { host: string; port: number } | { path: string },
): Promise<void> {
  const isSocket = "path" in place;
  if (isSocket) await removeOldSocket(place.path);
  const mask = isSocket ? process.umask(0o077) : undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(place, () => resolve());
    });
  } catch (error) {
    throw new CliError(`error: ${(error as Error).message}`);
  } finally {
    if (mask !== undefined) process.umask(mask);
  }
}
