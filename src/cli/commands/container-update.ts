import type { Resources, RestartPolicy } from "../../model/container.ts";
import { CliError } from "../cli-error.ts";
import { defineCommand, minArgs } from "../command.ts";
import { bytes, custom, int, string, uint } from "../flag-types.ts";
import { objectPath } from "../object-path.ts";

const cpus = custom("decimal", "How many processors' worth of time", () => 0, parseCpus);

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Change limits and restart policy of containers",
  aliases: ["container update", "update"],
  args: minArgs(1),
  flags: {
    "blkio-weight": uint("Share of disk time, 10 to 1000; 0 leaves it alone (default 0)", 16),
    "cpu-period": int("Length of a period of the processor quota, in microseconds"),
    "cpu-quota": int("Processor time in each period, in microseconds"),
    "cpu-rt-period": int("Length of a real-time period, in microseconds"),
    "cpu-rt-runtime": int("Real-time share of each period, in microseconds"),
    "cpu-shares": int("Weight when processors are short", { short: "c" }),
    cpus,
    "cpuset-cpus": string("Processors that may be used, such as 0-3 or 0,1"),
    "cpuset-mems": string("Memory nodes that may be used, such as 0-3 or 0,1"),
    memory: bytes("Most memory it may use", { short: "m" }),
    "memory-reservation": bytes("Memory to come down to when memory is short"),
    "memory-swap": bytes("Memory and swap together; -1 for no limit", { swap: true }),
    "pids-limit": int("Most processes it may have (-1 for no limit)"),
    restart: string("When to start it again after its end"),
  },
  async run({ flags, args, given, context }) {
    if (!Object.keys(flags).some((name) => given(name as keyof typeof flags))) {
      throw new CliError("you must provide one or more flags when using this command");
    }
    const body: Resources & { RestartPolicy: RestartPolicy | undefined } = {
      BlkioWeight: flags["blkio-weight"],
      CpuPeriod: flags["cpu-period"],
      CpuQuota: flags["cpu-quota"],
      CpuRealtimePeriod: flags["cpu-rt-period"],
      CpuRealtimeRuntime: flags["cpu-rt-runtime"],
      CpuShares: flags["cpu-shares"],
      NanoCpus: flags.cpus,
      CpusetCpus: flags["cpuset-cpus"],
      CpusetMems: flags["cpuset-mems"],
      Memory: flags.memory,
      MemoryReservation: flags["memory-reservation"],
      MemorySwap: flags["memory-swap"],
      PidsLimit: given("pids-limit") ? flags["pids-limit"] : undefined,
      RestartPolicy: flags.restart === "" ? undefined : parsePolicy(flags.restart),
    };
    const client = await context.client();
    const warnings: string[] = [];
    const failures: string[] = [];
    for (const name of args) {
      try {
        const report = await client.post<{ Warnings: string[] | null }>(`${objectPath("container", name)}/update`, {
          json: body,
        });
        context.print(`${name}\n`);
        warnings.push(...(report.Warnings ?? []));
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        failures.push(error.message);
      }
    }
    if (warnings.length > 0) context.print(`${warnings.join("\n")}\n`);
    if (failures.length > 0) throw new CliError(failures.join("\n"));
  },
});

/** A number of CPUs such as `1.5` in billionths. */
function parseCpus(text: string): number {
  const match = /^([+-]?)(\d*)\.?(\d*)$/.exec(text);
  if (!match || (match[2] === "" && match[3] === "")) throw new Error(`failed to parse ${text} as a rational number`);
  const fraction = match[3]!.replace(/0+$/, "");
  if (fraction.length > 9) throw new Error("value is too precise");
  return Number(`${match[1]}${match[2] || "0"}${fraction.padEnd(9, "0")}`);
}

/** `on-failure:3` and the like; the daemon judges the name. */
function parsePolicy(text: string): RestartPolicy {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const count = colon < 0 ? undefined : text.slice(colon + 1);
  if (name === "") throw new CliError("invalid restart policy format: no policy provided before colon");
  if (count !== undefined && !/^-?\d+$/.test(count)) {
    throw new CliError("invalid restart policy format: maximum retry count must be an integer");
  }
  return { Name: name as RestartPolicy["Name"], MaximumRetryCount: Number(count ?? 0) };
}
