/** For a test that kills it: writes to the embedded store of its argument until it ends, and prints each key that is durable. */

import { openSqliteStore } from "../../src/kube/store/sqlite-store.ts";

const store = await openSqliteStore(process.argv[2]!);
let next = 0;
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (;;) {
      const key = `/r/${next++}`;
      const { revision } = await store.commit([
        { key, value: "x".repeat(2000), expected: 0 },
        { key: "/last", value: key },
      ]);
      process.stdout.write(`${key} ${revision}\n`);
    }
  }),
);
