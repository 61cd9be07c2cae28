import { defineKubectlCommand } from "./declaration.ts";
import { objectPrinter, PRINT_FLAGS } from "./output-format.ts";
import { TableText } from "./table-text.ts";

interface Review {
  status?: { userInfo?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> } };
}

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "Check who the server takes you for",
  flags: PRINT_FLAGS,
  async run({ flags, context }) {
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const review = await (await context.api()).json<Review>("POST", path, { body });
    const printer = await objectPrinter(flags);
    if (printer !== undefined) {
      context.print(printer({ ...review, metadata: {} }));
      return;
    }
    const { username = "", uid = "", groups = [], extra = {} } = review.status?.userInfo ?? {};
    const table = new TableText(["ATTRIBUTE", "VALUE"]);
    table.add(["Username", username]);
    if (uid !== "") table.add(["UID", uid]);
    if (groups.length > 0) table.add(["Groups", `[${groups.join(" ")}]`]);
    for (const [key, values] of Object.entries(extra).sort()) table.add([`Extra: ${key}`, `[${values.join(" ")}]`]);
    context.print(table.print());
  },
});
