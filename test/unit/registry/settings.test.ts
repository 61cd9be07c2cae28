import { expect, test } from "bun:test";
import { clientAddressReader } from "../../../src/registry/access/client-address.ts";
import { parseRights } from "../../../src/registry/access/rights.ts";
import { parseRegistrySettings } from "../../../src/registry/config/registry-settings.ts";
import { asBytes, asDuration, SettingReader } from "../../../src/registry/config/setting-reader.ts";
import { MetricSet } from "../../../src/registry/observe/prometheus.ts";
import { html } from "../../../src/registry/page/html.ts";
import { commandWords, stepsOf } from "../../../src/registry/page/image-facts.ts";
import { ageWords, sizeWords } from "../../../src/registry/page/words.ts";
import { parsePattern } from "../../../src/registry/repository-pattern.ts";

test.each([
  ["team/*", "team/a", true],
  ["team/*", "team/a/b", false],
  ["team/**", "team/a/b", true],
  ["team/**", "team", true],
  ["team/**", "teams/a", false],
  ["**/web", "web", true],
  ["**/web", "a/b/web", true],
  ["**/web", "aweb", false],
  ["v?.*", "v1.2", true],
  ["v1.*", "v1x2", false],
  ["{app,web}-*", "web-1", true],
  ["{app,web}-*", "db-1", false],
  ["/^v\\d+$/", "v12", true],
  ["/^v\\d+$/", "v12a", false],
  ["a+b(c)", "a+b(c)", true],
  ["**", "anything/at/all", true],
])("the pattern %p on %p: %p", (pattern, name, fits) => {
  expect(parsePattern(pattern)(name)).toBe(fits);
});

test.each([
  [["10.0.0.0/8"], "10.1.2.3", "203.0.113.5", "203.0.113.5"],
  [["10.0.0.0/8"], "10.1.2.3", "6.6.6.6, 203.0.113.5, 10.9.9.9", "203.0.113.5"],
  [["10.0.0.0/8"], "192.0.2.1", "6.6.6.6", "192.0.2.1"],
  [[], "127.0.0.1", "6.6.6.6", "127.0.0.1"],
  [["127.0.0.1", "::1"], "::ffff:127.0.0.1", "2001:db8::5", "2001:db8::5"],
  [["127.0.0.1"], "127.0.0.1", "unknown", "127.0.0.1"],
  [["127.0.0.1"], "127.0.0.1", null, "127.0.0.1"],
])("behind the proxies %j the client of %p with %p is %p", (proxies, peer, forwardedFor, client) => {
  expect(clientAddressReader(proxies)(peer, forwardedFor)).toBe(client);
});
test.each(["", "10.0.0.0/33", "example", "10.0.0.0/8/9", "::1/129"])("the proxy %p is refused", (entry) => {
  expect(() => clientAddressReader([entry])).toThrow("is no address or network");
});

test("the configuration in docs/registry.md is accepted whole, and so are its rights", async () => {
  const page = await Bun.file(new URL("../../../docs/registry.md", import.meta.url)).text();
  const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);
  const rights = blocks.find((text) => text.includes("\nrights:"))!;
  expect(parseRights(SettingReader.of(Bun.YAML.parse(rights))).may("ann", "team/app", "push")).toBe(true);
  const file = SettingReader.of(Bun.YAML.parse(blocks.find((text) => text.startsWith("addr:"))!));
  const { settings, serve } = parseRegistrySettings(file);
  expect(serve).toEqual({ addr: "0.0.0.0:5000", root: "/var/lib/naru-registry" });
  expect(settings.cache.upstreams.list.map(({ prefix }) => prefix)).toEqual(["docker.io", "ghcr.io", "lab"]);
  expect(settings.retention.rules).toHaveLength(3);
});

test.each([
  ["90s", 90_000],
  ["1h30m", 5_400_000],
  ["14d", 14 * 86_400_000],
  ["2w", 14 * 86_400_000],
  ["1d12h", 36 * 3_600_000],
  ["0s", 0],
])("asDuration(%p) is %p ms", (text, milliseconds) => {
  expect(asDuration(text, "k")).toBe(milliseconds);
});
test.each(["", "5", "-1h", "d", "1y", 30, null, {}, "999999d"])("asDuration(%p) is refused", (value) => {
  expect(() => asDuration(value, "k")).toThrow("write a duration such as");
});

test.each([
  [1000, 1000],
  ["500MB", 500 * 2 ** 20],
  ["1.5 GiB", 1.5 * 2 ** 30],
  ["2T", 2 * 2 ** 40],
  ["10", 10],
])("asBytes(%p) is %p", (value, bytes) => {
  expect(asBytes(value, "k")).toBe(bytes);
});
test.each(["", "MB", "-1", -1, 1.5, "1XB", true])("asBytes(%p) is refused", (value) => {
  expect(() => asBytes(value, "k")).toThrow("write a size such as");
});

test("MetricSet prints Prometheus' text format, escaped", async () => {
  const set = new MetricSet();
  const requests = set.counter("requests_total", "Requests.");
  requests.add({ path: 'a"b\\c\nd' });
  requests.add({ path: 'a"b\\c\nd' }, 2);
  const times = set.histogram("seconds", "Time.", [0.1, 1]);
  times.observe({}, 0.05);
  times.observe({}, 0.5);
  times.observe({}, 5);
  set.gauge("queue", "Waiting.", async () => [[{ name: "x" }, 3]]);
  set.gauge("nothing", "Nothing.", async () => []);
  expect(await set.text()).toBe(`# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{path="a\\"b\\\\c\\nd"} 3
# HELP seconds Time.
# TYPE seconds histogram
seconds_bucket{le="0.1"} 1
seconds_bucket{le="1"} 2
seconds_bucket{le="+Inf"} 3
seconds_sum 5.55
seconds_count 3
# HELP queue Waiting.
# TYPE queue gauge
queue{name="x"} 3
`);
});

test("html`` escapes everything but HTML", () => {
  const evil = `"><script>'&`;
  expect(html`<a title="${evil}">${[html`<b>${1}</b>`, undefined, false, "<"]}</a>`.text).toBe(
    `<a title="&quot;&gt;&lt;script&gt;&#39;&amp;"><b>1</b>&lt;</a>`,
  );
});

test.each([
  ['/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'],
  ["/bin/sh -c apt-get update", "RUN apt-get update"],
  ["RUN /bin/sh -c make # buildkit", "RUN make"],
  ["RUN |2 A=1 B= /bin/sh -c make # buildkit", "RUN make"],
  ["COPY a b # buildkit", "COPY a b"],
  ["bazel build", "bazel build"],
])("commandWords(%p) is %p", (createdBy, words) => {
  expect(commandWords(createdBy)).toBe(words);
});

test("stepsOf() gives each layer to the entry that made it, and loses none", () => {
  const layer = (letter: string) => ({ mediaType: "m", digest: `sha256:${letter.repeat(64)}` as const, size: 1 });
  const steps = stepsOf(
    [layer("a"), layer("b"), layer("c")],
    [{ created_by: "ADD x" }, { created_by: "ENV y", empty_layer: true }, { created_by: "COPY z" }],
  );
  expect(steps.map(({ command, layer }) => `${command}:${layer?.digest[7] ?? ""}`)).toEqual([
    "ADD x:a",
    "ENV y:",
    "COPY z:b",
    ":c",
  ]);
});

test("sizes and ages are words", () => {
  expect([0, 999, 1000, 999_600, 53_600_000, 381_000_000, 2e12].map(sizeWords)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "1.0 MB",
    "53.6 MB",
    "381 MB",
    "2.0 TB",
  ]);
  expect([0, 61, 3700, 86_400, 9 * 86_400].map((seconds) => ageWords(0, seconds * 1000))).toEqual([
    "just now",
    "1 minute ago",
    "1 hour ago",
    "1 day ago",
    "1 week ago",
  ]);
});
