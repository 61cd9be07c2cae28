import type { CommandContext } from "../command.ts";

/** The one builder: the daemon itself. */
interface BuilderFacts {
  name: string;
  driver: string;
  status: string;
  version: string;
  platforms: string[];
}

export async function describeBuilder(context: CommandContext): Promise<BuilderFacts> {
  const client = await context.client();
  const { Arch, Os, Version } = await client.get<{ Arch: string; Os: string; Version: string }>("/version");
  return {
    name: "default",
    driver: "docker",
    status: "running",
    version: `naru ${Version}`,
    platforms: [`${Os}/${Arch}`],
  };
}
