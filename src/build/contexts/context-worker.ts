/** Receives directories in threads of their own: lists, comparisons and file calls of many thousand files. */
import { serveJobs } from "../../lib/worker-job.ts";
import { type ReceiveParams, receiveDirectory } from "./receive-directory.ts";

serveJobs({
  receive: (params: ReceiveParams, context) => receiveDirectory(params, context),
});
