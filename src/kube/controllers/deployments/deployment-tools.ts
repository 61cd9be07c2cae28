import type { EventRecorder } from "../../machinery/event-recorder.ts";
import type { ControllerTools } from "../control-loop.ts";

/** What the steps of a deployment's look are handed. */
export type DeploymentTools = ControllerTools & { events: EventRecorder };
