import { projectGraph } from "../../compose/graph/project-graph.ts";
import { NaruError } from "../../lib/errors.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { string } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";

const FORMATS = ["text", "svg"];

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Draw the project: services, what they depend on, networks, volumes",
  args: minArgs(0),
  dryRun: "reads",
  flags: {
    format: string("text or svg (default: text, or by the ending of --output)"),
    output: string("Write to this file", { short: "o" }),
  },
  async run({ flags, args, context }) {
    const format = flags.format || (flags.output.endsWith(".svg") ? "svg" : "text");
    if (!FORMATS.includes(format)) throw new CliError(`unknown format ${format}: there are ${FORMATS.join(", ")}`);
    const project = await context.loadProject({ services: args, skips: ["environment"] });
    try {
      const graph = projectGraph(project);
      const picture =
        format === "svg"
          ? (await import("../../compose/graph/svg-picture.ts")).svgPicture(graph)
          : (await import("../../compose/graph/text-picture.ts")).textPicture(graph);
      if (flags.output === "") context.print(picture);
      else await Bun.write(flags.output, picture);
    } catch (error) {
      if (error instanceof NaruError) throw new CliError(error.message);
      throw error;
    }
  },
});
