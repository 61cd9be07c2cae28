import { expect, test } from "bun:test";
import { mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuditLog } from "../../../../src/kube/audit/audit-log.ts";
import { type AuditedRequest, AuditPolicy } from "../../../../src/kube/audit/audit-policy.ts";
import { AuditRecord } from "../../../../src/kube/audit/audit-record.ts";

const REQUEST: AuditedRequest = {
  isResource: true,
  path: "/api/v1/namespaces/default/pods/web",
  verb: "get",
  group: "",
  version: "v1",
  namespace: "default",
  resource: "pods",
  subresource: "",
  name: "web",
};
const JANE = { name: "jane", groups: ["team", "system:authenticated"] };
const policyOf = (...rules: object[]) =>
  AuditPolicy.parse(JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules }));

test("the first rule that speaks of a request decides", () => {
  const path = { isResource: false, path: "/version", resource: "", name: "", namespace: "" };
  const table: [object, Partial<AuditedRequest>, boolean][] = [
    [{}, {}, true],
    [{ users: ["jane"] }, {}, true],
    [{ users: ["eve"] }, {}, false],
    [{ userGroups: ["team"] }, {}, true],
    [{ userGroups: ["system:masters"] }, {}, false],
    [{ verbs: ["list", "get"] }, {}, true],
    [{ verbs: ["delete"] }, {}, false],
    [{ namespaces: ["default"] }, {}, true],
    [{ namespaces: ["other"] }, {}, false],
    [{ namespaces: [""] }, { namespace: "", resource: "nodes" }, true],
    [{ namespaces: ["default"] }, path, false],
    [{ resources: [{ group: "" }] }, {}, true],
    [{ resources: [{ group: "apps" }] }, {}, false],
    [{ resources: [{ group: "", resources: ["pods"] }] }, {}, true],
    [{ resources: [{ group: "", resources: ["pods"] }] }, { subresource: "log" }, false],
    [{ resources: [{ group: "", resources: ["pods/log"] }] }, { subresource: "log" }, true],
    [{ resources: [{ group: "", resources: ["pods/*"] }] }, { subresource: "log" }, true],
    [{ resources: [{ group: "", resources: ["*/log"] }] }, { subresource: "log" }, true],
    [{ resources: [{ group: "", resources: ["*/scale"] }] }, { subresource: "log" }, false],
    [{ resources: [{ group: "", resources: ["*"] }] }, { subresource: "log" }, true],
    [{ resources: [{ group: "", resources: ["pods"], resourceNames: ["web"] }] }, {}, true],
    [{ resources: [{ group: "", resources: ["pods"], resourceNames: ["other"] }] }, {}, false],
    [{ resources: [{ group: "" }] }, path, false],
    [{ nonResourceURLs: ["/version"] }, path, true],
    [{ nonResourceURLs: ["/vers*"] }, path, true],
    [{ nonResourceURLs: ["/healthz"] }, path, false],
    [{ nonResourceURLs: ["*"] }, {}, false],
  ];
  for (const [rule, request, isMatch] of table) {
    const { level } = policyOf({ level: "Request", ...rule }).decide(JANE, { ...REQUEST, ...request });
    expect([rule, request, level]).toEqual([rule, request, isMatch ? "Request" : "None"]);
  }
  const two = policyOf({ level: "None", users: ["jane"] }, { level: "Metadata" });
  expect([two.decide(JANE, REQUEST).level, two.decide({ ...JANE, name: "eve" }, REQUEST).level]).toEqual([
    "None",
    "Metadata",
  ]);
});

test("a policy that cannot be used is told", () => {
  const parse = (value: object) =>
    AuditPolicy.parse(JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", ...value }));
  const table: [object, string][] = [
    [{ kind: "Other", rules: [{ level: "None" }] }, "kind Policy"],
    [{ rules: [] }, "rules must hold at least one rule"],
    [{ rules: [{ level: "Loud" }] }, "rules[0].level must be one of None, Metadata, Request, RequestResponse"],
    [{ rules: [{ level: "None", verb: ["get"] }] }, "rules[0].verb is no field here"],
    [{ rules: [{ level: "None" }], omitstages: [] }, "omitstages is no field here"],
    [{ rules: [{ level: "None" }], omitManagedFields: "yes" }, "omitManagedFields must be true or false"],
    [{ rules: [null] }, "rules[0] is no object"],
    [{ rules: [{ level: "None", users: "bob" }] }, "rules[0].users must be a list of texts"],
    [{ rules: [{ level: "None", resources: "pods" }] }, "rules[0].resources must be a list"],
    [{ rules: [{ level: "None", resources: [{ groups: "" }] }] }, "rules[0].resources[0].groups is no field here"],
    [{ rules: [{ level: "None", resources: [{ resourceNames: ["a"] }] }] }, "resourceNames needs the resources"],
    [{ rules: [{ level: "None" }], omitStages: ["Never"] }, 'omitStages: "Never" is none of'],
    [{ rules: [{ level: "None", resources: [{}], nonResourceURLs: ["/a"] }] }, "cannot be about both"],
    [{ rules: [{ level: "None", nonResourceURLs: ["/a*b"] }] }, '"/a*b" must begin with'],
  ];
  for (const [value, words] of table) expect(() => parse(value)).toThrow(words);
  expect(() => AuditPolicy.parse("a: [")).toThrow("the audit policy is no YAML");
});

function recorded(decision: object, act: (record: AuditRecord) => void, more: object = {}) {
  // biome-ignore lint/suspicious/noExplicitAny: events as they are written
  const events: any[] = [];
  const subject = {
    id: "one",
    url: "/api/v1/namespaces/default/pods",
    user: JANE,
    impersonated: undefined,
    addresses: ["10.0.0.7"],
    userAgent: "kubectl",
    request: { ...REQUEST, verb: "create", name: "" },
    isLong: false,
    ...more,
  };
  const whole = { level: "RequestResponse", omitStages: [], omitManagedFields: true, ...decision } as const;
  const record = new AuditRecord(subject, whole as never, (event) => events.push(event));
  act(record);
  return events;
}

test("a record tells as much as its level says", () => {
  const body = () => JSON.stringify({ metadata: { name: "web", managedFields: [{}] } });
  const act = (record: AuditRecord) => {
    record.annotate({ "authorization.k8s.io/decision": "allow" });
    record.received(body);
    record.sent(201, body());
    record.ended();
  };
  const [received, complete] = recorded({}, act);
  const stamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(received).toEqual({
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "RequestResponse",
    auditID: "one",
    stage: "RequestReceived",
    requestURI: "/api/v1/namespaces/default/pods",
    verb: "create",
    user: { username: "jane", groups: ["team", "system:authenticated"] },
    sourceIPs: ["10.0.0.7"],
    userAgent: "kubectl",
    objectRef: { resource: "pods", namespace: "default", apiVersion: "v1" },
    requestReceivedTimestamp: stamp,
    stageTimestamp: stamp,
  });
  expect(complete).toMatchObject({
    stage: "ResponseComplete",
    objectRef: { resource: "pods", namespace: "default", name: "web", apiVersion: "v1" },
    responseStatus: { metadata: {}, code: 201 },
    requestObject: { metadata: { name: "web" } },
    responseObject: { metadata: { name: "web" } },
    annotations: { "authorization.k8s.io/decision": "allow" },
  });
  expect(complete.requestObject.metadata.managedFields).toBeUndefined();
  const of = (level: string) => recorded({ level }, act)[1];
  expect([of("Request").requestObject, of("Request").responseObject].map((one) => one !== undefined)).toEqual([
    true,
    false,
  ]);
  expect([of("Metadata").requestObject, of("Metadata").responseObject]).toEqual([undefined, undefined]);
});

test("stages that are left out are not told, long requests tell when they begin, failures why", () => {
  const stagesOf = (events: { stage: string }[]) => events.map(({ stage }) => stage);
  const act = (record: AuditRecord) => {
    record.started(200);
    record.ended();
  };
  expect(stagesOf(recorded({}, act))).toEqual(["RequestReceived", "ResponseComplete"]);
  expect(stagesOf(recorded({}, act, { isLong: true }))).toEqual([
    "RequestReceived",
    "ResponseStarted",
    "ResponseComplete",
  ]);
  expect(stagesOf(recorded({ omitStages: ["RequestReceived"] }, act))).toEqual(["ResponseComplete"]);
  const failure = { kind: "Status", status: "Failure", message: "no", reason: "Forbidden", code: 403 };
  const [, told] = recorded({ level: "Metadata" }, (record) => {
    record.sent(403, JSON.stringify(failure));
    record.ended();
  });
  expect(told.responseStatus).toEqual({
    metadata: {},
    status: "Failure",
    message: "no",
    reason: "Forbidden",
    code: 403,
  });
});

test("the log is put aside when it is full, and old ones go", async () => {
  const folder = await mkdtemp(join(tmpdir(), "naru-audit-"));
  try {
    const failures: string[] = [];
    const path = join(folder, "deep", "audit.log");
    const log = new AuditLog({ path, maxBytes: 100, maxBackups: 2 }, (message) => failures.push(message));
    const other = join(folder, "deep", "audit-2nd.log");
    await Bun.write(other, "of somebody else");
    for (let number = 0; number < 6; number++) {
      log.write({ number, text: "x".repeat(60) });
      await log.close();
      // Names are made of milliseconds.
      await Bun.sleep(2);
    }
    expect(await Bun.file(other).text()).toBe("of somebody else");
    await rm(other);
    const names = (await readdir(join(folder, "deep"))).sort();
    expect(names.length).toBe(3);
    expect(names.at(-1)).toBe("audit.log");
    expect(names[0]).toMatch(/^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/);
    const numbers = await Promise.all(
      names.map(async (name) => JSON.parse(await Bun.file(join(folder, "deep", name)).text()).number),
    );
    expect(numbers).toEqual([3, 4, 5]);
    // Moved away by somebody else when it was to be put aside: what comes afterwards is written again.
    await rename(path, join(folder, "moved.log"));
    log.write({ number: 6, text: "x".repeat(60) });
    await log.close();
    log.write({ number: 7 });
    await log.close();
    expect(JSON.parse(await Bun.file(path).text())).toEqual({ number: 7 });
    expect(failures.splice(0)).toEqual([expect.stringContaining("1 events were lost: the audit log")]);
    const blocked = new AuditLog({ path: join(path, "below"), maxBytes: 0, maxBackups: 0 }, (message) =>
      failures.push(message),
    );
    blocked.write({});
    await blocked.close();
    expect(failures.length).toBe(1);
    expect(failures[0]).toContain("1 events were lost: the audit log");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
