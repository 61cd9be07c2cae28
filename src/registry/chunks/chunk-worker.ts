/** Cuts blobs into chunks in a thread of its own. */
import { ChunkLister } from "../../lib/chunk-list.ts";
import { serveJobs } from "../../lib/worker-job.ts";

serveJobs({
  chunkList: async (_params: unknown, { input }) => {
    const lister = new ChunkLister();
    for await (const piece of input) lister.push(piece);
    return lister.finish().encode();
  },
});
