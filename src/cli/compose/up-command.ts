import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, int, list, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { isSwitchedOn } from "../go-bool.ts";
import { isTerminal } from "../output.ts";
import { type BringUpWishes, bringUp } from "./bring-up.ts";
import { defineComposeCommand } from "./declaration.ts";
import { oneOf } from "./global-flags.ts";
import { interruptible } from "./interruptible.ts";

const flags = {
  "abort-on-container-exit": bool("Stop all when one container ends"),
  "abort-on-container-failure": bool("Stop all when one container fails"),
  "always-recreate-deps": bool("Make anew also what the services depend on"),
  attach: list("Show only what these services write", { type: "stringArray" }),
  "attach-dependencies": bool("Show also what the services write that those named depend on"),
  build: bool("Build images first"),
  detach: bool("In the background", { short: "d" }),
  "exit-code-from": string("End with the exit code of this service; stops all when one container ends"),
  "force-recreate": bool("Make containers anew even where nothing changed"),
  menu: bool("A line of keys below the output: watch, detach (also: COMPOSE_MENU)"),
  "no-attach": list("Do not show what these services write", { type: "stringArray" }),
  "no-build": bool("Build nothing, even where an image is missing"),
  "no-color": bool("No colours"),
  "no-deps": bool("Leave alone what the services depend on"),
  "no-log-prefix": bool("No names before lines"),
  "no-recreate": bool("Keep containers that are there, whatever changed"),
  "no-start": bool("Make containers, and do not start them"),
  pull: string('Get images first: "always", "missing" or "never" (default: as the services wish)', {
    initial: "policy",
    defaultText: "",
    check: oneOf("policy", "always", "missing", "never", "build"),
  }),
  "quiet-build": bool("Show nothing of builds"),
  "quiet-pull": bool("Show nothing of pulls"),
  "remove-orphans": bool("Remove containers whose services are not in the files any more"),
  "renew-anon-volumes": bool("New anonymous volumes instead of those of the containers before", { short: "V" }),
  scale: list("How many containers of a service, as SERVICE=NUM", { type: "stringArray" }),
  timeout: int("Seconds until containers that stop are killed", { short: "t" }),
  timestamps: bool("Times before lines"),
  wait: bool("Come back when all services are running, or healthy where they have a check"),
  "wait-timeout": int("Most seconds to wait"),
  watch: bool("Go on when sources change, as 'compose watch' does", { short: "w" }),
  yes: bool('Answer questions with "yes"', { short: "y" }),
  // Of older versions.
  "no-prefix": bool("", { hidden: true, deprecated: "use --no-log-prefix" }),
};
export type UpFlags = FlagValues<typeof flags>;

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Make and start the project's containers",
  args: minArgs(0),
  dryRun: "tells",
  flags,
  async run({ flags: values, args, given, context }) {
    checkFlags(values, given("timeout"));
    const menu = wantsMenu(values, given("menu"));
    const wishes = wishesOf(values, args, given("timeout"));
    if (context.isDryRun) {
      const { printPlan } = await import("./print-plan.ts");
      await printPlan(context, wishes);
      return 0;
    }
    if (isAttached(values)) {
      const { runAttached } = await import("./up/attached-up.ts");
      return await runAttached(context, wishes, { ...values, menu });
    }
    await interruptible((signal) => bringUp(context, wishes, signal));
    return 0;
  },
});

const isAttached = (values: UpFlags) => !values.detach && !values.wait && !values["no-start"];

function checkFlags(values: UpFlags, hasTimeout: boolean): void {
  const conflicts: [keyof UpFlags, keyof UpFlags][] = [
    ["force-recreate", "no-recreate"],
    ["always-recreate-deps", "no-recreate"],
    ["build", "no-build"],
    ["detach", "attach-dependencies"],
  ];
  for (const [one, other] of conflicts)
    if (values[one] && values[other]) throw new CliError(`--${one} and --${other} are incompatible`);
  const aborts = values["abort-on-container-exit"] || values["abort-on-container-failure"] || values["exit-code-from"];
  if (values["abort-on-container-exit"] && values["abort-on-container-failure"])
    throw new CliError("--abort-on-container-failure cannot be combined with --abort-on-container-exit");
  if (values["exit-code-from"] !== "" && values["abort-on-container-failure"])
    throw new CliError("--abort-on-container-failure cannot be combined with --exit-code-from");
  if (!isAttached(values)) {
    const word = values.wait ? "--wait" : values.detach ? "--detach" : "--no-start";
    if (aborts || values.attach.length > 0 || values["attach-dependencies"])
      throw new CliError(
        `${word} cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --exit-code-from, --attach or --attach-dependencies`,
      );
    for (const flag of ["watch", "menu"] as const)
      if (values[flag]) throw new CliError(`${word} cannot be combined with --${flag}`);
  }
  if (values.attach.length > 0 && values["attach-dependencies"])
    throw new CliError("cannot combine --attach and --attach-dependencies");
  if (hasTimeout && values.timeout < -1) throw new CliError("--timeout must be a number of seconds");
}

/** As the flag says, else COMPOSE_MENU. Without a terminal there are no keys. */
function wantsMenu(values: UpFlags, isGiven: boolean): boolean {
  const isWished = isGiven ? values.menu : isSwitchedOn(process.env.COMPOSE_MENU);
  return isWished && isTerminal(0) && isTerminal(1);
}

function wishesOf(values: UpFlags, services: string[], hasTimeout: boolean): BringUpWishes {
  const recreate = values["force-recreate"] ? "force" : values["no-recreate"] ? "never" : "diverged";
  return {
    services,
    noDependencies: values["no-deps"],
    build: values.build,
    noBuild: values["no-build"],
    pull: values.pull,
    quietPull: values["quiet-pull"],
    quietBuild: values["quiet-build"],
    recreate,
    recreateDependencies: values["always-recreate-deps"] ? "force" : values["no-recreate"] ? "never" : "diverged",
    starts: !values["no-start"],
    waits: values.wait,
    waitTimeout: values["wait-timeout"] > 0 ? values["wait-timeout"] : undefined,
    timeout: hasTimeout ? values.timeout : undefined,
    renewsAnonymousVolumes: values["renew-anon-volumes"],
    removesOrphans: values["remove-orphans"],
    scale: values.scale,
    saysYes: values.yes,
  };
}
