/** Settings of the cluster that are refused in words, and how those are read that are not. */
import { expect, test } from "bun:test";
import { openAudit, parseListen, restartPeriod } from "../../../src/daemon/cluster-settings.ts";
import type { Log } from "../../../src/daemon/log.ts";
import { failureOf } from "../../support/failure.ts";

test.each([
  ["0.0.0.0:6443", { host: "0.0.0.0", port: 6443 }],
  [":80", { host: "0.0.0.0", port: 80 }],
  ["[::1]:0", { host: "::1", port: 0 }],
])("the address %p", (text, address) => expect(parseListen(text)).toEqual(address));

test.each(["", "6443", "a:b", "host:65536", "::1:80"])("no address: %p", (text) => {
  const words = `invalid address of the cluster "${text}": write HOST:PORT, as in 0.0.0.0:6443`;
  expect(() => parseListen(text)).toThrow(words);
});

test.each([
  [undefined, {}],
  ["1s", { longestRestartWaitMs: 1000 }],
  ["5m", { longestRestartWaitMs: 300_000 }],
] as const)("the restart period %p", (text, period) => expect(restartPeriod(text)).toEqual(period));

test.each(["999ms", "5m1s", "-1s", "soon", "10"])("no restart period: %p", (text) => {
  expect(() => restartPeriod(text)).toThrow(`invalid restart period of the cluster "${text}": write one of 1s to 5m`);
});

const files = { auditPolicyFile: "/nowhere/policy.yaml", auditLogPath: "/nowhere/audit.log" };
test.each([
  [{ auditPolicyFile: "/p" }, "the cluster's audit needs both: a policy file and the path of a log"],
  [{ auditLogPath: "/l" }, "the cluster's audit needs both: a policy file and the path of a log"],
  [{ ...files, auditLogMaxsize: -1 }, "-1 is no size or number of the audit's files: write 0 or more"],
  [{ ...files, auditLogMaxbackup: -2 }, "-2 is no size or number of the audit's files: write 0 or more"],
])("no audit: %j", async (settings, words) => {
  expect((await failureOf(openAudit(settings, {} as Log))).message).toBe(words);
});

test("no audit is wished, or it is ended", async () => {
  expect(await openAudit({}, {} as Log)).toBeUndefined();
  expect(await openAudit({ ...files, auditLogPath: "none" }, {} as Log)).toBeUndefined();
});
