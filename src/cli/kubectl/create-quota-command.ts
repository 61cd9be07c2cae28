import { string } from "../flag-types.ts";
import { CREATE_FLAGS, create, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { quantityPairs } from "./quantity-pairs.ts";

export const command = defineKubectlCommand({
  usage: "[NAME] [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [options]",
  summary: "Limit what a namespace may use",
  flags: {
    ...CREATE_FLAGS,
    hard: string("How much there may be, as cpu=1,pods=10"),
    scopes: string("Which objects count, divided by commas"),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const split = (text: string) => text.split(",").filter((one) => one !== "");
    const hard = quantityPairs(flags.hard);
    const scopes = split(flags.scopes);
    const spec = { ...(flags.hard === "" ? {} : { hard }), ...(scopes.length === 0 ? {} : { scopes }) };
    await create(context, flags, { apiVersion: "v1", kind: "ResourceQuota", metadata: { name }, spec, status: {} });
  },
});
