/** Computes digests of large streams in a thread of its own. */
import { createHash } from "node:crypto";
import { serveJobs } from "../../lib/worker-job.ts";

serveJobs({
  digest: async ({ algorithm }: { algorithm: string }, { input }) => {
    const hash = createHash(algorithm);
    for await (const piece of input) hash.update(piece);
    return hash.digest("hex");
  },
});
