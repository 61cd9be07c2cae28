import { defineCommand, noArgs } from "../command.ts";
import { bool } from "../flag-types.ts";

interface Facts {
  state: string;
  server?: string;
  version?: string;
  store?: string;
  nodes?: { name: string; ready: boolean }[];
  simulatedNodes?: number;
  pods?: number;
  startedAt?: number;
}

const NOT_RUNNING_EXIT_CODE = 3;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Show whether the cluster runs, and where",
  args: noArgs,
  flags: { json: bool("As JSON") },
  async run({ flags, context }) {
    const facts = await (await context.client()).get<Facts>("/naru/cluster");
    context.print(flags.json ? `${JSON.stringify(facts, undefined, 2)}\n` : report(facts));
    return facts.state === "running" ? 0 : NOT_RUNNING_EXIT_CODE;
  },
});

function report({
  state,
  server,
  version,
  store,
  nodes = [],
  simulatedNodes = 0,
  pods = 0,
  startedAt = 0,
}: Facts): string {
  if (state !== "running") return "State:    stopped (start it with 'naru cluster start')\n";
  const shown = nodes.map(({ name, ready }) => `${name} (${ready ? "ready" : "not ready"})`).join(", ");
  const lines = [
    ["State", `running since ${new Date(startedAt).toISOString().slice(0, 19)}Z`],
    ["Server", server],
    ["Version", version],
    ["Store", store],
    ["Nodes", shown === "" ? "none" : shown],
    ...(simulatedNodes === 0 ? [] : [["More", `${simulatedNodes} simulated nodes`]]),
    ["Pods", pods],
  ];
  return `${lines.map(([name, value]) => `${`${name}:`.padEnd(10)}${value}`).join("\n")}\n`;
}
