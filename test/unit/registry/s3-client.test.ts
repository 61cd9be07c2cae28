import { expect, test } from "bun:test";
import { S3Client } from "../../../src/registry/storage/s3-client.ts";

test("a listed time is the earliest that a server's whole second may mean, never the future", async () => {
  const listed = (key: string, time: string) =>
    `<Contents><Key>${key}</Key><Size>5</Size><LastModified>${time}</LastModified></Contents>`;
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response(
        `<ListBucketResult>${listed("whole", "2026-11-21T10:00:01.000Z")}${listed("exact", "2026-11-21T10:00:00.250Z")}</ListBucketResult>`,
      ),
  });
  const credentials = { accessKeyId: "key", secretAccessKey: "secret" };
  const options = { endpoint: server.url.origin, region: "us-east-1", bucket: "b", pathStyle: true, credentials };
  const { objects } = await new S3Client(options).list("", {});
  expect(objects).toEqual([
    { key: "whole", size: 5, modifiedAt: Date.parse("2026-11-21T10:00:00.001Z") },
    { key: "exact", size: 5, modifiedAt: Date.parse("2026-11-21T10:00:00.250Z") },
  ]);
});
