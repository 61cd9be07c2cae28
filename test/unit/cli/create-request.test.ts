import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "../../../src/cli/cli-error.ts";
import type { ApiClient } from "../../../src/cli/client.ts";
import { ApiError } from "../../../src/cli/client.ts";
import type { Command, CommandContext } from "../../../src/cli/command.ts";
import { loadCommand } from "../../../src/cli/command-table.ts";
import { parseOrExplain } from "../../../src/cli/dispatch.ts";

/**
 * What docker's client 28.5 sent to `POST /containers/create` for these words, or what it printed and its exit code where
 * it refused them. It ran in fixtures/create-folder ($FOLDER) with FOO_HOST=fromhost in its environment, and the server
 * answered 500 "recorded". The file's first line is the body for `run img`; the others tell what differs from it.
 */
interface Recording {
  args: string[];
  query?: string;
  config?: object;
  host?: object;
  endpoints?: Record<string, object>;
  error?: string;
  code?: number;
}

interface Body {
  Env?: string[] | null;
  HostConfig: object;
  NetworkingConfig: { EndpointsConfig: Record<string, object> };
}

/** What a command did. */
interface Outcome {
  query?: string;
  body?: Body;
  error?: string;
  code?: number;
}

const folder = join(import.meta.dir, "fixtures/create-folder");
const [first, ...recordings] = readFileSync(join(import.meta.dir, "fixtures/create-requests.jsonl"), "utf8")
  .trim()
  .replaceAll("$FOLDER", folder)
  .split("\n")
  .map((line) => JSON.parse(line)) as [{ base: Body }, ...Recording[]];
const previousFolder = process.cwd();

beforeAll(() => {
  process.chdir(folder);
  process.env.FOO_HOST = "fromhost";
  delete process.env.B;
});

afterAll(() => {
  process.chdir(previousFolder);
  delete process.env.FOO_HOST;
});

/** Runs a command against a daemon that takes note of the request and fails. */
async function send(words: string[]): Promise<Outcome> {
  const [name = "", ...rest] = words;
  const command = (await loadCommand(name)) as Command;
  const path = `docker ${name}`;
  let sent: Outcome | undefined;
  const client = {
    warm() {},
    async post(_path: string, request: { query: Record<string, string | undefined>; json: Body }) {
      const query = Object.entries(request.query).filter(([, value]) => value !== undefined);
      const text = query.map(([key, value]) => `${key}=${encodeURIComponent(value!)}`).join("&");
      sent = { query: text, body: JSON.parse(JSON.stringify(request.json)) };
      throw new ApiError(500, "recorded");
    },
  } as unknown as ApiClient;
  const context = {
    program: "docker",
    calledAs: path,
    client: async () => client,
    config: async () => ({}),
  } as unknown as CommandContext;
  try {
    const { values, args, changed } = parseOrExplain(command, rest, path, `Usage:  ${path} ${command.usage}`);
    await command.run({ flags: values, args, given: (flag: string) => changed.has(flag), context });
  } catch (error) {
    if (sent) return sent;
    if (!(error instanceof CliError)) throw error;
    return { error: `${error.message}\n`, code: error.exitCode };
  }
  throw new Error("nothing was sent");
}

/** The body that was sent, made from what differs. */
function recordedBody({ config, host, endpoints }: Recording): Body {
  const { base } = first;
  const emptyEndpoint = base.NetworkingConfig.EndpointsConfig.default;
  const named = Object.entries(endpoints ?? base.NetworkingConfig.EndpointsConfig);
  const EndpointsConfig = Object.fromEntries(
    named.map(([name, settings]) => [name, { ...emptyEndpoint, ...settings }]),
  );
  return { ...base, ...config, HostConfig: { ...base.HostConfig, ...host }, NetworkingConfig: { EndpointsConfig } };
}

describe("run and create send what docker's client sends", () => {
  for (const recording of recordings) {
    test(recording.args.join(" "), async () => {
      const { error, code, query } = recording;
      const expected: Outcome = error === undefined ? { query, body: recordedBody(recording) } : { error, code };
      const actual = await send(recording.args);
      // Docker's client keeps variables in a map, so their order is by chance.
      if (expected.body?.Env) expected.body = { ...expected.body, Env: expected.body.Env.toSorted() };
      if (actual.body?.Env) actual.body.Env.sort();
      expect(actual).toEqual(expected);
    });
  }
});
