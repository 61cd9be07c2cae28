import { defineCommand, maxArgs } from "../command.ts";
import { eraseLogin, HUB_KEY, serverHost } from "../credential-store.ts";
import { serverAddress } from "./login.ts";

export const command = defineCommand({
  usage: "[SERVER]",
  summary: "Forget the login of a registry",
  description: "Forget the login of a registry.\nThe registry is Docker Hub when no server is named.",
  args: maxArgs(1),
  flags: {},
  async run({ args: [server], context }) {
    const address = serverAddress(server);
    const host = serverHost(address);
    // Older clients kept logins under addresses with a scheme.
    const names = address === HUB_KEY ? [address] : [host, `http://${host}`, `https://${host}`];
    context.print(`Removing login credentials for ${address}\n`);
    try {
      await eraseLogin(context.configDir, names);
    } catch (error) {
      context.printError(`WARNING: could not erase credentials:\n${address}: ${(error as Error).message}\n`);
    }
  },
});
