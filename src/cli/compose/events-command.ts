import { LABELS } from "../../compose/labels.ts";
import { minArgs } from "../command.ts";
import type { EventJson } from "../event-line.ts";
import { bool, string } from "../flag-types.ts";
import { parseJsonExactly } from "../inspect.ts";
import { rfc3339Nano } from "../rows/row-text.ts";
import { textLines } from "../text-lines.ts";
import { parseTimestamp } from "../timestamp.ts";
import { defineComposeCommand } from "./declaration.ts";

/** Microseconds, as docker compose prints them. */
const FRACTION_DIGITS = 6;

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Show what happens to the project's containers, as it happens",
  args: minArgs(0),
  dryRun: "reads",
  flags: {
    json: bool("One JSON object a line"),
    since: string("Begin with the events of that time"),
    until: string("End with the events of that time"),
  },
  async run({ flags, args, context }) {
    const name = await context.projectName();
    const client = await context.client();
    const answer = await client.send("GET", "/events", {
      query: {
        since: flags.since === "" ? undefined : parseTimestamp(flags.since),
        until: flags.until === "" ? undefined : parseTimestamp(flags.until),
        filters: { type: ["container"], label: [`${LABELS.project}=${name}`] },
      },
    });
    for await (const line of textLines(answer.chunks())) {
      const event = parseJsonExactly(line) as EventJson;
      const { Attributes } = event.Actor;
      const service = Attributes?.[LABELS.service] ?? "";
      if (Attributes?.[LABELS.oneOff] === "True" || (args.length > 0 && !args.includes(service))) continue;
      context.print(`${flags.json ? jsonLine(event, service) : textLine(event)}\n`);
    }
  },
});

/** What the container's labels say is left out. */
function attributesOf({ Actor }: EventJson): [string, string][] {
  return Object.entries(Actor.Attributes ?? {})
    .filter(([key]) => !key.startsWith("com.docker.compose."))
    .sort();
}

function textLine(event: EventJson): string {
  const time = rfc3339Nano(BigInt(event.timeNano));
  const [day, clock = ""] = time.split("T");
  const fraction = clock.slice(9, 9 + FRACTION_DIGITS);
  const attributes = attributesOf(event)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
  return `${day} ${clock.slice(0, 8)}.${fraction} container ${event.Action} ${event.Actor.ID} (${attributes})`;
}

function jsonLine(event: EventJson, service: string): string {
  return JSON.stringify({
    action: event.Action,
    attributes: Object.fromEntries(attributesOf(event)),
    id: event.Actor.ID,
    service,
    time: rfc3339Nano(BigInt(event.timeNano)),
    type: "container",
  });
}
