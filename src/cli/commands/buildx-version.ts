import { NARU_VERSION } from "../../lib/version.ts";
import { defineCommand, noArgs } from "../command.ts";

export const command = defineCommand({
  usage: "",
  summary: "The builder's version",
  args: noArgs,
  flags: {},
  async run({ context }) {
    context.print(`naru's own builder ${NARU_VERSION}\n`);
  },
});
