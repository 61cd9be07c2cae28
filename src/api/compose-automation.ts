/** naru's own: schedules and scaling of Compose projects, which go on in the daemon when no client runs. */
import type { ProjectAutomation } from "../compose/automation/contract.ts";
import { readKeptProject } from "../compose/automation/kept-project.ts";
import { badRequest } from "./errors.ts";
import { readAnyJson } from "./request-body.ts";
import type { Call, Handlers } from "./router.ts";

const LONGEST_HOLD_SECONDS = 3600;

export function composeAutomationHandlers(automation: ProjectAutomation): Handlers {
  return {
    NaruComposeStatus: ({ exchange, query }) => {
      exchange.json(200, automation.status(query.text("project") || undefined));
    },
    NaruComposeRegister: (call) => register(automation, call),
    NaruComposeForget: async ({ exchange, path }) => {
      await automation.forget(path.name ?? "");
      exchange.empty(204);
    },
    NaruComposeHold: async ({ exchange, path, query }) => {
      const seconds = Number(query.text("seconds") || Number.NaN);
      if (!(seconds >= 0 && seconds <= LONGEST_HOLD_SECONDS)) {
        throw badRequest(`seconds must be a number from 0 to ${LONGEST_HOLD_SECONDS}`);
      }
      await automation.hold(path.name ?? "", seconds);
      exchange.empty(204);
    },
    NaruComposeRun: async ({ exchange, path, query }) => {
      await automation.runNow(path.name ?? "", query.text("service"));
      exchange.empty(204);
    },
  };
}

async function register(automation: ProjectAutomation, { exchange, path, query }: Call): Promise<void> {
  const project = readKeptProject(await readAnyJson(exchange));
  if (project.name !== path.name) throw badRequest(`the project is called ${project.name}, not ${path.name}`);
  await automation.register(project, { isPartial: query.bool("partial") });
  exchange.empty(204);
}
