import { isTree, type Tree } from "../../compose/document.ts";
import type { CommandContext } from "../command.ts";
import { openRemoteImage } from "../registry-access.ts";

/** Replaces the tag of every service's image by the digest that its registry has for it, in place. Throws as the registry refuses. */
export async function pinImages(project: Tree, context: CommandContext): Promise<void> {
  const services = isTree(project.services) ? Object.values(project.services) : [];
  const pin = async (service: Tree) => {
    const image = String(service.image);
    const { repository, reference, target } = await openRemoteImage(context, image, {
      actions: "pull",
      isInsecure: false,
    });
    if (reference.digest !== undefined) return;
    const { digest } = await repository.resolve(target);
    service.image = `${reference.domain}/${reference.path}${reference.tag === undefined ? "" : `:${reference.tag}`}@${digest}`;
  };
  await Promise.all(services.filter((service): service is Tree => isTree(service) && Boolean(service.image)).map(pin));
}
