import { stopCommand } from "../stop-command.ts";

export const command = stopCommand("restart", "Stop containers and start them again");
